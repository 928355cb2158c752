// What it costs to check an app package, against the speed of SHA-256 alone over as many bytes.
// Compare the pair of one size, of one run.
#include <benchmark/benchmark.h>

#include "protocol/image/draft.h"

namespace {

using namespace pavise;

constexpr std::string_view kManifest =
    R"({"schema_version":1,"name":"fridge-monitor","component_id":"6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01",)"
    R"("version":"1.2.3","entry_point":"/app/bin/monitor","arguments":["--interval","60"],)"
    R"("capabilities":{"outgoing_tcp":["hub.example.com:8883","*.example.com:443","192.0.2.0/24:502"],)"
    R"("listening_tcp":[8080],"mutable_storage":{"size_kib":1024},"gpio":["LED_RED","BUTTON_A"]},)"
    R"("budgets":{"memory_kib":16384,"cpu_percent":50,"processes":16},"lifecycle":{"restart":"always"}})";

image::Header header_over(std::size_t mib, Bytes& tree_and_content) {
  Bytes content(mib << 20U);
  std::uint32_t state = 1;
  for (std::byte& b : content) b = static_cast<std::byte>((state = state * 1664525U + 1U) >> 24U);
  image::Header out(*manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"),
                    *TenantId::parse("acme"));
  out.content_blocks = static_cast<std::uint32_t>(content.size() / image::kBlockBytes);
  image::HashTree tree = image::build_tree(content, out.salt);
  out.root_hash = tree.root;
  tree_and_content = std::move(tree.blocks);
  append(tree_and_content, content);
  return out;
}

void BM_Sha256Floor(benchmark::State& state) {
  Bytes bytes;
  const auto mib = static_cast<std::size_t>(state.range(0));
  (void)header_over(mib, bytes);
  for (auto _ : state) benchmark::DoNotOptimize(crypto::sha256(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(BM_Sha256Floor)->Arg(1)->Arg(16)->Unit(benchmark::kMicrosecond);

// In pieces of 64 KiB, as from a file or a connection.
void BM_VerifyContent(benchmark::State& state) {
  Bytes bytes;
  const image::Header header = header_over(static_cast<std::size_t>(state.range(0)), bytes);
  for (auto _ : state) {
    image::ContentVerifier verifier(header);
    bool good = true;
    for (ByteView rest = bytes; !rest.empty();) {
      const ByteView piece = rest.first(std::min<std::size_t>(rest.size(), 65536));
      good = verifier.feed(piece).has_value() && good;
      rest = rest.subspan(piece.size());
    }
    if (!good || !verifier.finish()) state.SkipWithError("refused");
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(BM_VerifyContent)->Arg(1)->Arg(16)->Unit(benchmark::kMicrosecond);

void BM_ParseManifest(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(manifest::Manifest::parse(as_bytes(kManifest)).has_value());
}
BENCHMARK(BM_ParseManifest)->Unit(benchmark::kMicrosecond);

// All of Package::open: header, signature, manifest.
void BM_OpenPackage(benchmark::State& state) {
  Bytes content;
  image::Header header = header_over(1, content);
  const auto manifest = manifest::Manifest::parse(as_bytes(kManifest));
  const auto key = crypto::P256PrivateKey::generate();
  header.manifest_bytes = static_cast<std::uint32_t>(kManifest.size());
  header.manifest_digest = manifest->digest;
  header.version = manifest->version;
  header.owner_key_id = image::key_id(key->public_key());
  header.signature = *key->sign_digest(crypto::sha256(header.signed_bytes()));
  const Bytes front = image::package_front(header, as_bytes(kManifest));
  const std::vector keys{key->public_key()};
  for (auto _ : state)
    if (!image::Package::open(front, header.package_bytes(), keys)) state.SkipWithError("refused");
}
BENCHMARK(BM_OpenPackage)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
