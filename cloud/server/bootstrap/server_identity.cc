#include "cloud/server/bootstrap/server_identity.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "common/crypto/crypto.h"

namespace pavise::server {
namespace {

constexpr std::string_view kHead = "pavise-server-identity-1 ";
constexpr std::string_view kKeyBegin = "-----BEGIN PRIVATE KEY-----";
constexpr std::string_view kCertificateBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kCertificateEnd = "-----END CERTIFICATE-----";

std::string pem(ByteView der) {
  const std::string text = to_base64(der);
  std::string out = std::string(kCertificateBegin) + "\n";
  for (std::size_t at = 0; at < text.size(); at += 64) out.append(text, at, 64).append("\n");
  return out.append(kCertificateEnd).append("\n");
}

bool is_ip(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// What exactly a name is, the signer decides.
bool is_dns_name(std::string_view text) {
  if (text.starts_with("*.") && text.find('.', 2) != std::string_view::npos) text.remove_prefix(2);
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
}

std::string joined(const ServerNames& names) {
  std::string out;
  for (const std::string& name : names.dns) out += "DNS:" + name + ",";
  for (const std::string& ip : names.ip) out += "IP:" + ip + ",";
  return out;
}

// "pavise-server-identity-1 <made> <names>\n", the key, the chain. Readers of PEM skip the head.
std::optional<ServerIdentity> parse(const SecretBytes& file, const ServerNames& names) {
  const std::string_view text = as_text(file.view());
  if (!text.starts_with(kHead)) return std::nullopt;
  const std::string_view line = text.substr(0, text.find('\n')).substr(kHead.size());
  ServerIdentity identity;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), identity.made);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') return std::nullopt;
  if (line.substr(static_cast<std::size_t>(end - line.data()) + 1) != joined(names))
    return std::nullopt;
  const auto key = text.find(kKeyBegin);
  const auto chain = text.find(kCertificateBegin);
  if (key == std::string_view::npos || chain == std::string_view::npos || chain < key)
    return std::nullopt;
  identity.key_pem = SecretBytes::copy_of(as_bytes(text.substr(key, chain - key)));
  identity.chain_pem = text.substr(chain);
  return identity;
}

std::string_view root_of(std::string_view chain_pem) {
  return chain_pem.substr(chain_pem.rfind(kCertificateBegin));
}

Result<ServerIdentity> make(const std::string& path, const ServerNames& names,
                            security::signer::Signer& signer, const Clock& clock) {
  PAVISE_TRY_ASSIGN(const auto key, crypto::P256PrivateKey::generate());
  security::signer::ServerRequest request{names.dns, names.ip, {}};
  const auto point = key.public_key().point();
  std::copy(point.begin() + 1, point.end(), request.public_xy.begin());
  PAVISE_TRY_ASSIGN(const auto certificate, signer.make_server_certificate(request));
  ServerIdentity identity;
  identity.made = clock.now_s();
  identity.chain_pem = pem(certificate.leaf) + pem(certificate.root);
  identity.key_pem = key.to_pem();
  const std::string head =
      std::string(kHead) + std::to_string(identity.made) + " " + joined(names) + "\n";
  Bytes file = to_bytes(as_bytes(head));
  append(file, identity.key_pem.view());
  append(file, as_bytes(identity.chain_pem));
  const auto written = write_file(path, file, 0600);
  wipe(file);
  PAVISE_TRY(written);
  return identity;
}

}  // namespace

Result<ServerNames> parse_names(const std::vector<std::string>& texts) {
  ServerNames names;
  for (const std::string& text : texts) {
    auto& kind = is_ip(text) ? names.ip : names.dns;
    if (&kind == &names.dns && !is_dns_name(text))
      return Error(kBadCommandLine, text + " is neither a DNS name nor an IP address");
    if (std::ranges::find(kind, text) == kind.end()) kind.push_back(text);
  }
  if (names.dns.size() + names.ip.size() > security::signer::kServerNamesMax)
    return Error(kBadCommandLine, "more than " + std::to_string(security::signer::kServerNamesMax) +
                                      " names for one certificate");
  return names;
}

Result<ServerIdentity> load_or_make_identity(const std::string& directory, const ServerNames& names,
                                             security::signer::Signer& signer, const Clock& clock) {
  const std::string path = directory + "/" + std::string(kIdentityFile);
  std::optional<ServerIdentity> identity;
  if (const auto file = read_file(path, kIdentityBytesMax))
    identity = parse(*file, names);
  else if (!file.error().is(kNoSuchFile))
    return file.error();
  if (!identity || clock.now_s() - identity->made > kIdentityRenewAfterS) {
    PAVISE_TRY_ASSIGN(identity, make(path, names, signer, clock));
  }
  // Always: the process may have been killed between the two files.
  PAVISE_TRY(write_file(directory + "/" + std::string(kServiceCaFile),
                        as_bytes(root_of(identity->chain_pem)), 0644));
  return *std::move(identity);
}

}  // namespace pavise::server
