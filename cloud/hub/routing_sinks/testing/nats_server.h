// The nats-server of Debian as a child of a test, and one who asks its own interface.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/net/line.h"
#include "common/net/testing/loopback.h"
#include "protocol/nats/client_lines.h"
#include "protocol/nats/server_stream.h"

namespace pavise::hub::routing::testing {

inline constexpr net::Millis kPatience{30'000};

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_pem(const std::filesystem::path& path, const net::testing::TestIdentity& identity,
                      bool key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "w"), &BIO_free);
  ASSERT_NE(file, nullptr);
  if (key) {
    PEM_write_bio_PrivateKey(file.get(), identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return;
  }
  const unsigned char* at = as_uchar(identity.certificate_der);
  X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(identity.certificate_der.size()));
  PEM_write_bio_X509(file.get(), certificate);
  X509_free(certificate);
}

// nats-server as a child, with JetStream in a folder of its own.
class NatsServer {
 public:
  explicit NatsServer(const std::string& more_settings, const net::testing::TestCa* ca = nullptr) {
    std::string pattern = std::filesystem::temp_directory_path() / "pavise-nats-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::string settings = "host: 127.0.0.1\nport: -1\nports_file_dir: \"" + folder_.string() +
                           "\"\njetstream { store_dir: \"" + folder_.string() + "/js\" }\n" +
                           more_settings;
    if (ca != nullptr) {
      const auto identity = ca->issue();
      write_pem(folder_ / "cert.pem", identity, false);
      write_pem(folder_ / "key.pem", identity, true);
      settings += "tls { cert_file: \"" + folder_.string() + "/cert.pem\", key_file: \"" +
                  folder_.string() + "/key.pem\" }\n";
    }
    std::ofstream(folder_ / "nats.conf") << settings;
    start();
  }
  ~NatsServer() {
    stop();
    std::filesystem::remove_all(folder_);
  }
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  void start() {
    const std::string config = folder_ / "nats.conf";
    const std::string log = folder_ / "log";
    pid_ = ::fork();
    if (pid_ == 0) {
      const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      if (fd < 0 || ::dup2(fd, STDERR_FILENO) < 0) ::_exit(126);
      ::execlp("nats-server", "nats-server", "-c", config.c_str(), nullptr);
      ::_exit(127);
    }
    const std::filesystem::path ports =
        folder_ / ("nats-server_" + std::to_string(pid_) + ".ports");
    for (int i = 0; i < 3000; ++i) {
      boost::system::error_code failed;
      const boost::json::value said = boost::json::parse(text_of(ports), failed);
      if (!failed) {
        const std::string url(said.at("nats").at(0).as_string());
        port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
        return;
      }
      ::poll(nullptr, 0, 10);
    }
    FAIL() << "nats-server did not start: " << text_of(log);
  }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  std::uint16_t port() const { return port_; }

 private:
  std::filesystem::path folder_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

// Asks a server's own interface.
class Requester {
 public:
  Requester(const NatsServer& server, const nats::Login& login, const net::testing::TestCa* ca)
      : line_(*net::Line::dial("127.0.0.1", server.port(), net::Deadline::after(kPatience))) {
    (void)next();  // INFO
    if (ca != nullptr)
      EXPECT_TRUE(line_.secure("127.0.0.1", {.trust_anchors_pem = ca->pem(), .allow_tls12 = true},
                               net::Deadline::after(kPatience)));
    write(nats::connect_line(login, ca != nullptr) + *nats::subscribe_line("_INBOX.test", 1));
  }
  boost::json::object ask(std::string_view subject, std::string_view body) {
    write(as_text(*nats::publication(subject, "_INBOX.test", {}, as_bytes(body), 1UL << 20)));
    for (;;) {
      const nats::Event event = next();
      if (const auto* delivery = std::get_if<nats::Delivery>(&event))
        return boost::json::parse(as_text(delivery->payload)).as_object();
      if (const auto* complaint = std::get_if<nats::Complaint>(&event)) {
        ADD_FAILURE() << complaint->text;
        return {};
      }
    }
  }

 private:
  void write(std::string_view text) {
    ASSERT_TRUE(line_.write(as_bytes(text), net::Deadline::after(kPatience)));
  }
  nats::Event next() {
    for (;;) {
      auto event = stream_.next();
      EXPECT_TRUE(event);
      if (event && *event) return **std::move(event);
      std::array<std::byte, 65536> buffer;
      const auto size = line_.read(buffer, net::Deadline::after(kPatience));
      EXPECT_TRUE(size);
      if (!size) return nats::Complaint{"no answer"};
      stream_.feed(ByteView(buffer).first(*size));
    }
  }

  net::Line line_;
  nats::ServerStream stream_;
};

}  // namespace pavise::hub::routing::testing
