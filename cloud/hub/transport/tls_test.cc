// TLS without sockets: a server stream against an OpenSSL client in memory.
#include "cloud/hub/transport/tls.h"

#include <gtest/gtest.h>

#include "cloud/hub/session/close_reasons.h"
#include "cloud/hub/transport/testing/test_client.h"

namespace pavise::hub {
namespace {

using testing::ClientContext;
using testing::Identity;
using testing::SavedSession;
using testing::TestCa;

class TlsTest : public ::testing::Test {
 protected:
  void make_server(long renew_age_s) {
    const Identity own = server_ca_.issue("hub.test");
    server_ = *TlsServer::create({.certificate_chain_pem = own.certificate_pem,
                                  .private_key_pem = SecretBytes::copy_of(as_bytes(own.key_pem)),
                                  .session_renew_age_s = renew_age_s});
  }

  struct Outcome {
    TlsStream::Step step = TlsStream::Step::need_more;
    bool resumed = false;
    PeerChain chain;
    std::string server_name;
    SavedSession session;
    std::string failure;
  };
  // One handshake, the ciphertext handed over `chunk` bytes at a time.
  Outcome handshake(const SavedSession& resume = {}, std::size_t chunk = SIZE_MAX) {
    SSL* client = SSL_new(client_context_.get());
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (resume) SSL_set_session(client, resume.get());
    SSL_set_tlsext_host_name(client, "hub.test");
    TlsStream stream(*server_);
    Outcome out;
    for (int turn = 0; turn < 10 && out.step == TlsStream::Step::need_more; ++turn) {
      SSL_connect(client);
      char* data = nullptr;
      const long size = BIO_get_mem_data(SSL_get_wbio(client), &data);
      const Bytes to_server =
          to_bytes(std::as_bytes(std::span(data, static_cast<std::size_t>(size))));
      (void)BIO_reset(SSL_get_wbio(client));
      Bytes to_client;
      for (std::size_t at = 0; at < to_server.size(); at += std::min(chunk, to_server.size())) {
        ByteView part = ByteView(to_server).subspan(at, std::min(chunk, to_server.size() - at));
        out.step = stream.handshake(part, to_client);
      }
      BIO_write(SSL_get_rbio(client), to_client.data(), static_cast<int>(to_client.size()));
    }
    char unused = 0;
    SSL_connect(client);
    SSL_read(client, &unused, 1);  // takes the ticket
    out.resumed = stream.resumed();
    out.chain = stream.peer_chain();
    out.server_name = stream.server_name();
    out.failure = stream.failure();
    out.session = {SSL_get1_session(client), SSL_SESSION_free};
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client);
    return out;
  }
  long cached_sessions() const { return SSL_CTX_sess_number(server_->context()); }

  TestCa server_ca_{"server root"};
  TestCa device_ca_{"device CA"};
  Identity device_ = device_ca_.issue("device");
  ClientContext client_context_{server_ca_.certificate_pem(), &device_};
  std::unique_ptr<TlsServer> server_;
};

TEST_F(TlsTest, IdentityIsKeptOverResumptionWithoutGrowingTheCache) {
  make_server(3'600);
  const Outcome first = handshake();
  ASSERT_EQ(first.step, TlsStream::Step::done) << first.failure;
  EXPECT_FALSE(first.resumed);
  EXPECT_EQ(first.chain, PeerChain{device_.certificate_der});
  const long cached = cached_sessions();
  SavedSession session = first.session;
  for (int i = 0; i < 3; ++i) {
    const Outcome again = handshake(session);
    ASSERT_TRUE(again.resumed);
    EXPECT_EQ(again.chain, PeerChain{device_.certificate_der});
    session = again.session;
  }
  EXPECT_EQ(cached_sessions(), cached);
}

TEST_F(TlsTest, AnOldSessionIsRenewedWithItsIdentity) {
  make_server(0);
  SavedSession session = handshake().session;
  const long cached = cached_sessions();
  for (int i = 0; i < 3; ++i) {
    const Outcome again = handshake(session);
    ASSERT_TRUE(again.resumed);
    EXPECT_EQ(again.chain, PeerChain{device_.certificate_der}) << "copied into the new session";
    session = again.session;
  }
  EXPECT_EQ(cached_sessions(), cached + 3);
}

// Nothing sweeps the cache, so the time must be looked at when a session is asked for.
TEST_F(TlsTest, ASessionPastItsTimeIsNotResumed) {
  make_server(3'600);
  const Outcome first = handshake();
  ASSERT_TRUE(handshake(first.session).resumed);
  const auto age = [](void* session) {
    auto* aged = static_cast<SSL_SESSION*>(session);
    SSL_SESSION_set_time(aged, SSL_SESSION_get_time(aged) - SSL_SESSION_get_timeout(aged) - 1);
  };
  OPENSSL_LH_doall(reinterpret_cast<OPENSSL_LHASH*>(SSL_CTX_sessions(server_->context())), age);
  const Outcome again = handshake(first.session);
  EXPECT_EQ(again.step, TlsStream::Step::done) << again.failure;
  EXPECT_FALSE(again.resumed);
  EXPECT_EQ(again.chain, PeerChain{device_.certificate_der});
}

TEST_F(TlsTest, CiphertextMayArriveByteByByte) {
  make_server(3'600);
  const Outcome outcome = handshake({}, 1);
  EXPECT_EQ(outcome.step, TlsStream::Step::done) << outcome.failure;
  EXPECT_EQ(outcome.chain, PeerChain{device_.certificate_der});
}

TEST_F(TlsTest, TheServerNameIsKnownAlsoAfterResumption) {
  make_server(3'600);
  const Outcome first = handshake();
  EXPECT_EQ(first.server_name, "hub.test");
  EXPECT_EQ(handshake(first.session).server_name, "hub.test");
}

// Tokens and thumbprints are judged later: here it only counts that the key is the client's.
TEST_F(TlsTest, ClientsWithoutOrWithAnyCertificateAreLetThrough) {
  make_server(3'600);
  client_context_ = ClientContext(server_ca_.certificate_pem(), nullptr);
  const Outcome without = handshake();
  EXPECT_EQ(without.step, TlsStream::Step::done) << without.failure;
  EXPECT_TRUE(without.chain.empty());
  EXPECT_TRUE(handshake(without.session).chain.empty()) << "nor after resumption";
  const TestCa stranger("stranger");
  device_ = stranger.issue("device");
  client_context_ = ClientContext(server_ca_.certificate_pem(), &device_);
  const Outcome foreign = handshake();
  EXPECT_EQ(foreign.step, TlsStream::Step::done) << foreign.failure;
  EXPECT_EQ(foreign.chain, PeerChain{device_.certificate_der});
}

TEST_F(TlsTest, ACertificateWithoutItsKeyIsRefused) {
  make_server(3'600);
  device_ = device_ca_.issue_with_wrong_private_key("device");
  client_context_ = ClientContext(server_ca_.certificate_pem(), &device_);
  const Outcome outcome = handshake();
  EXPECT_EQ(outcome.step, TlsStream::Step::failed);
  EXPECT_NE(outcome.failure.find("signature"), std::string::npos) << outcome.failure;
}

TEST_F(TlsTest, NumberOfPeerCertificates) {
  make_server(3'600);
  for (std::size_t count = 2; count <= kPeerCertificatesMax + 1; ++count) {
    const TestCa further("further " + std::to_string(count));
    const unsigned char* der = as_uchar(further.certificate_der());
    X509* certificate =
        d2i_X509(nullptr, &der, static_cast<long>(further.certificate_der().size()));
    ASSERT_EQ(SSL_CTX_add1_chain_cert(client_context_.get(), certificate), 1);
    X509_free(certificate);
    const Outcome outcome = handshake();
    if (count <= kPeerCertificatesMax) {
      ASSERT_EQ(outcome.step, TlsStream::Step::done) << outcome.failure;
      EXPECT_EQ(outcome.chain.size(), count);
      EXPECT_EQ(outcome.chain.back(), further.certificate_der());
    } else {
      EXPECT_EQ(outcome.step, TlsStream::Step::failed);
    }
  }
}

}  // namespace
}  // namespace pavise::hub
