#include "bench/hub/bare_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bytes.h"

namespace pavise::bench {
namespace {

template <class T, class Read>
T* from_pem(const std::string& pem, Read read) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  T* out = read(bio);
  PAVISE_CHECK(out != nullptr);
  BIO_free(bio);
  return out;
}
X509* certificate_from(const std::string& pem) {
  return from_pem<X509>(pem,
                        [](BIO* bio) { return PEM_read_bio_X509(bio, nullptr, nullptr, nullptr); });
}

hub::Socket blocking_listener() {
  hub::Socket out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  PAVISE_CHECK(out.get() >= 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  PAVISE_CHECK(::bind(out.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  PAVISE_CHECK(::listen(out.get(), 128) == 0);
  return out;
}

}  // namespace

BareServer::BareServer(const hub::testing::Identity& server, const std::string& client_ca_pem)
    : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free), listener_(blocking_listener()) {
  SSL_CTX* context = context_.get();
  X509* certificate = certificate_from(server.certificate_pem);
  EVP_PKEY* key = from_pem<EVP_PKEY>(server.key_pem, [](BIO* bio) {
    return PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  });
  X509* client_ca = certificate_from(client_ca_pem);
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), client_ca);
  X509_free(certificate);
  EVP_PKEY_free(key);
  X509_free(client_ca);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_session_id_context(context, as_uchar(as_bytes("bare")), 4);
  // Without the second option an end without close_notify takes the session out of the cache.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  port_ = *hub::local_port(listener_);
  thread_ = std::thread([this] { serve(); });
}

BareServer::~BareServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

void BareServer::serve() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    serve_one(fd);
    ::close(fd);
  }
}

void BareServer::serve_one(int fd) {
  constexpr unsigned char kConnAck[] = {0x20, 0x02, 0x00, 0x00};
  SSL* ssl = SSL_new(context_.get());
  SSL_set_fd(ssl, fd);
  unsigned char buffer[1024];
  if (SSL_accept(ssl) == 1 && SSL_read(ssl, buffer, sizeof buffer) > 0)
    SSL_write(ssl, kConnAck, sizeof kConnAck);
  while (SSL_read(ssl, buffer, sizeof buffer) > 0) {
  }
  ERR_clear_error();
  SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl);
}

}  // namespace pavise::bench
