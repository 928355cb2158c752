#include "cloud/server/testing/tls_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cctype>
#include <csignal>

namespace pavise::server::testing {
namespace {

std::string to_string(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

SSL_CTX* make_context(const ClientOptions& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (options.tls12) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  if (!options.ca_pem.empty()) {
    BIO* const bio =
        BIO_new_mem_buf(options.ca_pem.data(), static_cast<int>(options.ca_pem.size()));
    X509* const ca = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    if (ca != nullptr) X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
    X509_free(ca);
    BIO_free(bio);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return context;
}

}  // namespace

Identity self_signed() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  BIO* const out = BIO_new(BIO_s_mem());
  Identity identity;
  PEM_write_bio_X509(out, certificate);
  identity.certificate_pem = to_string(out);
  BIO_reset(out);
  PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  identity.key_pem = to_string(out);
  BIO_free(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

int connect_tcp(std::uint16_t port, const std::string& source) {
  std::signal(SIGPIPE, SIG_IGN);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_in from{};
  from.sin_family = AF_INET;
  inet_pton(AF_INET, source.c_str(), &from.sin_addr);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0 ||
      connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

TlsClient::FdCloser& TlsClient::FdCloser::operator=(FdCloser&& other) noexcept {
  std::swap(fd, other.fd);
  return *this;
}
TlsClient::FdCloser::~FdCloser() {
  if (fd >= 0) close(fd);
}
void TlsClient::SslFree::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

std::optional<TlsClient> TlsClient::connect(std::uint16_t port, const ClientOptions& options) {
  FdCloser socket(connect_tcp(port, options.source));
  if (socket.fd < 0) return std::nullopt;
  const timeval timeout{options.receive_timeout_s, 0};
  setsockopt(socket.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  SSL_CTX* const context = make_context(options);
  std::unique_ptr<ssl_st, SslFree> ssl(SSL_new(context));
  SSL_CTX_free(context);
  if (!options.name.empty()) SSL_set1_host(ssl.get(), options.name.c_str());
  SSL_set_fd(ssl.get(), socket.fd);
  if (SSL_connect(ssl.get()) != 1) return std::nullopt;
  return TlsClient(std::move(socket), std::move(ssl));
}

bool TlsClient::send(std::string_view bytes) {
  return bytes.empty() || SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
                              static_cast<int>(bytes.size());
}

bool TlsClient::read_more() {
  std::array<char, 16384> chunk{};
  const int size = SSL_read(ssl_.get(), chunk.data(), static_cast<int>(chunk.size()));
  if (size <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(size));
  return true;
}

std::optional<Answer> TlsClient::read_answer() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!read_more()) return std::nullopt;
  Answer answer;
  if (!buffer_.starts_with("HTTP/1.1 ")) return std::nullopt;
  answer.status = static_cast<int>(std::strtol(buffer_.c_str() + 9, nullptr, 10));
  std::size_t at = buffer_.find("\r\n") + 2;
  while (at < end + 2) {
    const std::size_t line_end = buffer_.find("\r\n", at);
    const std::size_t colon = buffer_.find(':', at);
    std::string name = buffer_.substr(at, colon - at);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    answer.headers[name] = buffer_.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  const std::size_t size =
      static_cast<std::size_t>(std::strtol(answer.headers["content-length"].c_str(), nullptr, 10));
  while (buffer_.size() < end + 4 + size)
    if (!read_more()) return std::nullopt;
  answer.body = buffer_.substr(end + 4, size);
  buffer_.erase(0, end + 4 + size);
  return answer;
}

bool TlsClient::reads_end() {
  while (read_more()) {
  }
  const int reason = SSL_get_error(ssl_.get(), 0);
  return reason != SSL_ERROR_WANT_READ;
}

std::array<unsigned char, 32> TlsClient::exporter() const {
  constexpr std::string_view kLabel = "EXPORTER-pavise-attestation-v1";
  std::array<unsigned char, 32> out{};
  SSL_export_keying_material(ssl_.get(), out.data(), out.size(), kLabel.data(), kLabel.size(),
                             nullptr, 0, 0);
  return out;
}

std::optional<Answer> TlsClient::request(std::string_view method, std::string_view target,
                                         std::string_view token, std::string_view body,
                                         std::string_view more_headers) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (!token.empty()) text.append("Authorization: Bearer ").append(token).append("\r\n");
  if (!body.empty() || method == "POST" || method == "PATCH")
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  text.append(more_headers).append("\r\n").append(body);
  if (!send(text)) return std::nullopt;
  return read_answer();
}

}  // namespace pavise::server::testing
