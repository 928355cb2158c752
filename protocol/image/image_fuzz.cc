#include <algorithm>
#include <cstdint>

#include "protocol/image/package.h"

// The first byte chooses: the header and the manifest behind it, with the digest of the manifest
// put right (no mutation would); or a stream of content for a header that is right.
namespace {

using namespace pavise;

void parse_front(ByteView bytes) {
  const auto header =
      image::Header::parse(bytes.first(std::min(bytes.size(), image::kHeaderBytes)));
  if (!header) return;
  PAVISE_CHECK(equal(header->signed_bytes(), bytes.first(image::kSignedBytes)));
  PAVISE_CHECK(header->tree_offset() <= image::kFrontBytesMax);
  Bytes front = to_bytes(bytes);
  if (bytes.size() >= image::kHeaderBytes + header->manifest_bytes) {
    const Digest256 digest =
        crypto::sha256(bytes.subspan(image::kHeaderBytes, header->manifest_bytes));
    std::ranges::copy(digest, front.begin() + 100);
    front.resize(std::max<std::size_t>(front.size(), header->tree_offset()));
  }
  const auto package = image::Package::read_unverified(front, header->package_bytes());
  if (package) PAVISE_CHECK(package->manifest().version == header->version);
  PAVISE_CHECK(!image::Package::open(front, header->package_bytes(), {}).has_value());
}

void feed_content(ByteReader in) {
  image::Header header(*manifest::ComponentId::parse("6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e01"),
                       *TenantId::parse("a"));
  const std::size_t blocks = in.be<std::uint8_t>().value_or(0) % 200U + image::kContentBlocksMin;
  Bytes content(blocks * image::kBlockBytes);
  header.content_blocks = static_cast<std::uint32_t>(blocks);
  image::HashTree tree = image::build_tree(content, header.salt);
  header.root_hash = tree.root;
  Bytes whole = tree.blocks;
  append(whole, content);
  const std::size_t at = in.be<std::uint32_t>().value_or(0) % whole.size();
  const std::byte change = static_cast<std::byte>(in.be<std::uint8_t>().value_or(0));
  whole[at] ^= change;
  image::ContentVerifier verifier(header);
  Status outcome;
  ByteView rest = whole;
  while (outcome && !rest.empty()) {
    const std::size_t piece = in.be<std::uint16_t>().value_or(65535) + std::size_t{1};
    outcome = verifier.feed(rest.first(std::min(piece, rest.size())));
    rest = rest.subspan(std::min(piece, rest.size()));
  }
  const bool good = outcome.has_value() && verifier.finish().has_value();
  PAVISE_CHECK(good == (change == std::byte{}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes = std::as_bytes(std::span(data, size));
  if (bytes.empty()) return 0;
  if (bytes[0] == std::byte{0})
    parse_front(bytes.subspan(1));
  else
    feed_content(ByteReader(bytes.subspan(1)));
  return 0;
}
