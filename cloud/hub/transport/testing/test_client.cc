#include "cloud/hub/transport/testing/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "protocol/iothub/username.h"
#include "protocol/mqtt/encode.h"

namespace pavise::hub::testing {
namespace {

Socket connect_loopback(std::uint16_t port) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's socket BIO writes without MSG_NOSIGNAL
  Socket out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  const int on = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(out.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(out.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) != 0) return Socket();
  return out;
}

}  // namespace

int connect_plain(std::uint16_t port) {
  const Socket made = connect_loopback(port);
  return made.get() < 0 ? -1 : ::dup(made.get());
}

ClientContext::ClientContext(const std::string& trusted_ca_pem, const Identity* identity,
                             int max_tls_version)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
  SSL_CTX_set_verify(get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_max_proto_version(get(), max_tls_version);
  BIO* ca = BIO_new_mem_buf(trusted_ca_pem.data(), static_cast<int>(trusted_ca_pem.size()));
  X509* trusted = PEM_read_bio_X509(ca, nullptr, nullptr, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(get()), trusted);
  X509_free(trusted);
  BIO_free(ca);
  if (identity == nullptr) return;
  const auto& [certificate_pem, key_pem, der] = *identity;
  BIO* own = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
  X509* certificate = PEM_read_bio_X509(own, nullptr, nullptr, nullptr);
  BIO* key_bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
  PAVISE_CHECK(SSL_CTX_use_certificate(get(), certificate) == 1);
  PAVISE_CHECK(SSL_CTX_use_PrivateKey(get(), key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free(own);
  BIO_free(key_bio);
}

TestClient::TestClient(const ClientContext& context, std::uint16_t port, const SavedSession& resume)
    : socket_(connect_loopback(port)), ssl_(SSL_new(context.get()), SSL_free) {
  if (socket_.get() < 0) return;
  SSL_set_fd(ssl_.get(), socket_.get());
  if (resume) SSL_set_session(ssl_.get(), resume.get());
  tls_ok_ = SSL_connect(ssl_.get()) == 1;
  ERR_clear_error();
}

TestClient::~TestClient() {
  // A session stays good for resumption although the connection just ends.
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

SavedSession TestClient::session() const {
  return {SSL_get1_session(ssl_.get()), SSL_SESSION_free};
}

bool TestClient::send(const mqtt::Packet& packet) {
  Bytes wire;
  return mqtt::encode(packet, wire).has_value() && send_raw(wire);
}

bool TestClient::send_raw(ByteView bytes) {
  if (!tls_ok_) return false;
  const bool sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) ==
                    static_cast<int>(bytes.size());
  ERR_clear_error();
  return sent;
}

bool TestClient::read_more(int timeout_ms) {
  timed_out_ = false;
  if (SSL_pending(ssl_.get()) == 0) {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    timed_out_ = ::poll(&waiting, 1, timeout_ms) == 0;
    if (timed_out_) return false;
  }
  buffer_.resize(16UL * 1024);
  const int n = SSL_read(ssl_.get(), buffer_.data(), static_cast<int>(buffer_.size()));
  ERR_clear_error();
  if (n <= 0) return false;
  buffer_.resize(static_cast<std::size_t>(n));
  stream_.feed(buffer_);
  return true;
}

std::optional<mqtt::Packet> TestClient::receive(int timeout_ms) {
  if (!tls_ok_) return std::nullopt;
  for (;;) {
    auto packet = stream_.next();
    if (!packet) return std::nullopt;
    if (*packet) return **std::move(packet);
    if (!read_more(timeout_ms)) return std::nullopt;
  }
}

bool TestClient::ended(int timeout_ms) {
  while (receive(timeout_ms)) {
  }
  return !timed_out_;
}

std::optional<mqtt::ConnectCode> TestClient::connect(const std::string& id, bool clean,
                                                     std::string_view token,
                                                     std::uint16_t keep_alive_s) {
  const std::string username = iothub::make_username("hub.test", id, "2021-04-12", "test");
  mqtt::Connect packet{
      .clean_session = clean, .keep_alive_s = keep_alive_s, .client_id = id, .username = username};
  if (!token.empty()) packet.password = as_bytes(token);
  if (!send(packet)) return std::nullopt;
  const auto answer = receive();
  if (!answer || !std::holds_alternative<mqtt::ConnAck>(*answer)) return std::nullopt;
  return std::get<mqtt::ConnAck>(*answer).code;
}

}  // namespace pavise::hub::testing
