// A blocking TLS client for tests: sends whatever bytes it is given, reads HTTP answers.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace pavise::server::testing {

struct Identity {
  std::string certificate_pem;
  std::string key_pem;
};
// A fresh self-signed P-256 certificate for "localhost".
Identity self_signed();

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body;
};

struct ClientOptions {
  std::string source = "127.0.0.1";  // any 127/8 address: makes the client another peer
  bool tls12 = false;                // offer TLS 1.2 at most
  std::string ca_pem;                // empty: the server's certificate is not checked
  std::string name;                  // to check in the certificate; empty: none
  int receive_timeout_s = 10;
};

class TlsClient {
 public:
  // nullopt if the TCP connection or the handshake fails.
  static std::optional<TlsClient> connect(std::uint16_t port, const ClientOptions& options = {});

  bool send(std::string_view bytes);
  // Reads one HTTP answer; nullopt at the end of the stream, a timeout or something that is no
  // HTTP.
  std::optional<Answer> read_answer();
  // True when the peer ends the connection before the receive timeout, whatever it sends before.
  bool reads_end();
  std::array<unsigned char, 32> exporter() const;

  // Sends one request and reads its answer on this connection.
  std::optional<Answer> request(std::string_view method, std::string_view target,
                                std::string_view token = {}, std::string_view body = {},
                                std::string_view more_headers = {});

 private:
  struct FdCloser {
    int fd = -1;
    explicit FdCloser(int value) : fd(value) {}
    FdCloser(FdCloser&& other) noexcept : fd(other.fd) { other.fd = -1; }
    FdCloser& operator=(FdCloser&& other) noexcept;
    ~FdCloser();
  };
  struct SslFree {
    void operator()(ssl_st* ssl) const;
  };
  TlsClient(FdCloser socket, std::unique_ptr<ssl_st, SslFree> ssl)
      : socket_(std::move(socket)), ssl_(std::move(ssl)) {}
  bool read_more();

  FdCloser socket_;
  std::unique_ptr<ssl_st, SslFree> ssl_;
  std::string buffer_;
};

// A TCP connection to 127.0.0.1 that never speaks TLS, -1 on failure. The caller closes it.
int connect_tcp(std::uint16_t port, const std::string& source = "127.0.0.1");

}  // namespace pavise::server::testing
