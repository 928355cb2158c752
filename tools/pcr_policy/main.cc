#include <cstdio>
#include <fstream>
#include <iterator>

#include "tools/pcr_policy/options.h"

namespace {

using namespace pavise;
using namespace pavise::tools::pcr_policy;

constexpr std::size_t kKeyFileBytesMax = 4096;

Result<SecretBytes> read_key(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error(kFile, path);
  SecretBytes buffer(kKeyFileBytesMax);
  in.read(reinterpret_cast<char*>(buffer.span().data()), kKeyFileBytesMax);
  if (in.bad() || !in.eof()) return Error(kFile, path);
  return SecretBytes::copy_of(buffer.view().first(static_cast<std::size_t>(in.gcount())));
}

Status run(const Options& options) {
  PAVISE_TRY_ASSIGN(const SecretBytes pem, read_key(options.key_path));
  PAVISE_TRY_ASSIGN(const auto key, crypto::P256PrivateKey::from_pem(pem.view()));
  PAVISE_TRY_ASSIGN(const auto policy,
                    pavise::pcr_policy::SignedPcrPolicy::sign(key, options.states));
  const Bytes file = policy.encode();
  std::ofstream out(options.out_path, std::ios::binary | std::ios::trunc);
  out.write(as_text(file).data(), static_cast<std::streamsize>(file.size()));
  out.close();
  if (!out) return Error(kFile, options.out_path);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<const char*> arguments(argv + 1, argv + argc);
  const auto options = parse_options(arguments);
  if (!options) {
    std::fprintf(stderr, "pavise-pcr-policy: %s\n", options.error().message().c_str());
    return 2;
  }
  if (const Status status = run(*options); !status) {
    std::fprintf(stderr, "pavise-pcr-policy: %s\n", status.error().message().c_str());
    return 1;
  }
  return 0;
}
