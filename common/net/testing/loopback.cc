#include "common/net/testing/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <csignal>
#include <ctime>

namespace pavise::net::testing {
namespace {

std::shared_ptr<EVP_PKEY> new_key() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  PAVISE_CHECK(key != nullptr);
  return key;
}

Bytes to_der(X509* certificate) {
  unsigned char* raw = nullptr;
  const int size = i2d_X509(certificate, &raw);
  PAVISE_CHECK(size > 0);
  Bytes out = to_bytes(std::as_bytes(std::span(raw, static_cast<std::size_t>(size))));
  OPENSSL_free(raw);
  return out;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  PAVISE_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> make_certificate(const std::string& name, EVP_PKEY* key, X509* issuer,
                                       UnixSeconds not_before, UnixSeconds not_after) {
  static std::atomic<long> serial{1};
  std::shared_ptr<X509> out(X509_new(), &X509_free);
  X509_set_version(out.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial++);
  ASN1_TIME_set(X509_getm_notBefore(out.get()), not_before);
  ASN1_TIME_set(X509_getm_notAfter(out.get()), not_after);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(out.get(), X509_get_subject_name(issuer == nullptr ? out.get() : issuer));
  X509_set_pubkey(out.get(), key);
  return out;
}

// All of `text`; false when the peer is gone.
bool write_all(SSL* ssl, std::string_view text) {
  std::size_t size = 0;
  return text.empty() || SSL_write_ex(ssl, text.data(), text.size(), &size) == 1;
}

bool read_more(SSL* ssl, std::string& into) {
  char buffer[4096];
  std::size_t size = 0;
  if (SSL_read_ex(ssl, buffer, sizeof buffer, &size) != 1) return false;
  into.append(buffer, size);
  return true;
}

TestRequest parse_head(std::string_view head) {
  TestRequest out;
  const auto next_line = [&head] {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    return line;
  };
  const std::string_view first = next_line();
  const std::size_t space = first.find(' ');
  out.method = first.substr(0, space);
  out.target = first.substr(space + 1, first.rfind(' ') - space - 1);
  while (!head.empty()) {
    const std::string_view line = next_line();
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    out.headers[name] = line.substr(colon + 2);
  }
  return out;
}

bool serve_one(SSL* ssl, std::string& buffer,
               const std::function<TestResponse(const TestRequest&, SSL*)>& answer) {
  std::size_t end = 0;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
    if (!read_more(ssl, buffer)) return false;
  TestRequest request = parse_head(buffer.substr(0, end + 2));
  buffer.erase(0, end + 4);
  const auto length = request.headers.find("content-length");
  const std::size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (buffer.size() < size)
    if (!read_more(ssl, buffer)) return false;
  request.body = buffer.substr(0, size);
  buffer.erase(0, size);
  const TestResponse response = answer(request, ssl);
  const std::string head = "HTTP/1.1 " + std::to_string(response.status) +
                           " X\r\nContent-Type: " + response.content_type +
                           "\r\nContent-Length: " + std::to_string(response.body.size()) +
                           (response.close ? "\r\nConnection: close" : "") + "\r\n" +
                           response.more_headers + "\r\n";
  return write_all(ssl, head + response.body) && !response.close;
}

}  // namespace

Result<Bytes> sign_digest_with(EVP_PKEY* key, const Digest256& digest) {
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key, nullptr), &EVP_PKEY_CTX_free);
  Bytes out(80);
  std::size_t size = out.size();
  PAVISE_CHECK(EVP_PKEY_sign_init(context.get()) == 1 &&
               EVP_PKEY_sign(context.get(), as_uchar(std::span<std::byte>(out)), &size,
                             as_uchar(ByteView(digest)), digest.size()) == 1);
  out.resize(size);
  return out;
}

DigestSigner TestIdentity::signer() const {
  return [held = key](const Digest256& digest) { return sign_digest_with(held.get(), digest); };
}

TestCa::TestCa(const std::string& name) : key_(new_key()) {
  const UnixSeconds now = std::time(nullptr);
  certificate_ =
      make_certificate(name, key_.get(), nullptr, now - 10 * 365 * 86400, now + 10 * 365 * 86400);
  add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_.get(), certificate_.get(), NID_subject_key_identifier, "hash");
  PAVISE_CHECK(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
}

std::string TestCa::pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  PAVISE_CHECK(PEM_write_bio_X509(bio.get(), certificate_.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Bytes TestCa::der() const {
  return to_der(certificate_.get());
}

TestIdentity TestCa::issue(const CertificateSpec& spec) const {
  const UnixSeconds now = std::time(nullptr);
  TestIdentity out;
  if (spec.key != nullptr) {
    EVP_PKEY_up_ref(spec.key);
    out.key.reset(spec.key, &EVP_PKEY_free);
  } else {
    out.key = new_key();
  }
  const auto certificate = make_certificate(spec.common_name, out.key.get(), certificate_.get(),
                                            spec.not_before == 0 ? now - 3600 : spec.not_before,
                                            spec.not_after == 0 ? now + 86400 : spec.not_after);
  if (!spec.subject_alt_name.empty())
    add_extension(certificate.get(), certificate_.get(), NID_subject_alt_name,
                  spec.subject_alt_name);
  PAVISE_CHECK(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
  out.certificate_der = to_der(certificate.get());
  return out;
}

LoopbackServer::LoopbackServer(const ServerOptions& options, Handler handler)
    : handler_(std::move(handler)), context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
  std::signal(SIGPIPE, SIG_IGN);  // clients under test close whenever they like
  const unsigned char* at = as_uchar(options.identity.certificate_der);
  const std::unique_ptr<X509, decltype(&X509_free)> leaf(
      d2i_X509(nullptr, &at, static_cast<long>(options.identity.certificate_der.size())),
      &X509_free);
  PAVISE_CHECK(SSL_CTX_use_certificate(context_.get(), leaf.get()) == 1 &&
               SSL_CTX_use_PrivateKey(context_.get(), options.identity.key.get()) == 1);
  SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
  SSL_CTX_set_session_id_context(context_.get(), reinterpret_cast<const unsigned char*>("t"), 1);
  if (options.client_ca != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), options.client_ca->certificate());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  PAVISE_CHECK(bind(listener_, generic, size) == 0 && listen(listener_, 16) == 0 &&
               getsockname(listener_, generic, &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

LoopbackServer::~LoopbackServer() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& connection : connections_) connection.join();
  close(listener_);
}

void LoopbackServer::accept_loop() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    connections_.emplace_back([this, fd] { serve(fd); });
  }
}

void LoopbackServer::serve(int fd) {
  {
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) == 1) {
      handler_(ssl.get());
      SSL_shutdown(ssl.get());
    }
  }
  const std::lock_guard lock(mutex_);
  open_.remove(fd);
  close(fd);
}

LoopbackServer::Handler http_handler(std::function<TestResponse(const TestRequest&, SSL*)> answer) {
  return [answer = std::move(answer)](SSL* ssl) {
    std::string buffer;
    while (serve_one(ssl, buffer, answer)) {
    }
  };
}

}  // namespace pavise::net::testing
