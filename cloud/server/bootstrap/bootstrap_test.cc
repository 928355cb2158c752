#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cloud/server/bootstrap/options.h"
#include "cloud/server/bootstrap/signer_supervisor.h"
#include "cloud/server/bootstrap/state_layout.h"

namespace pavise::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr UnixMillis kStartMs = 1'795'000'000'000;

class CountingSigner final : public security::signer::Signer {
 public:
  Result<security::signer::AuthorityCertificates> create_tenant_ca(const TenantId&) override {
    return security::signer::kSignerPolicy;
  }
  Result<Bytes> sign_leaf(const security::signer::LeafRequest&) override {
    return security::signer::kSignerPolicy;
  }
  std::vector<Result<Bytes>> sign_leaves(
      const std::vector<security::signer::LeafRequest>&) override {
    return {};
  }
  Result<security::signer::ServerCertificate> make_server_certificate(
      const security::signer::ServerRequest& request) override {
    ++made;
    last = request;
    if (!reachable) return security::signer::kSignerUnreachable;
    return security::signer::ServerCertificate{to_bytes(as_bytes("leaf")),
                                               to_bytes(as_bytes("root"))};
  }
  Result<std::vector<security::signer::TenantAuthority>> list() override {
    return security::signer::kSignerPolicy;
  }

  int made = 0;
  bool reachable = true;
  security::signer::ServerRequest last;
};

class Bootstrap : public ::testing::Test {
 protected:
  Bootstrap() {
    std::string pattern = ::testing::TempDir() + "pavise-boot-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~Bootstrap() override { std::filesystem::remove_all(folder_); }
  std::string text_of(std::string_view name) {
    const auto bytes = read_file(folder_ + "/" + std::string(name), 1 << 20);
    return bytes ? std::string(as_text(bytes->view())) : "";
  }
  mode_t mode_of(std::string_view name) {
    struct stat info{};
    EXPECT_EQ(::stat((folder_ + "/" + std::string(name)).c_str(), &info), 0);
    return info.st_mode & 0777U;
  }

  std::string folder_;
  ManualClock clock_{kStartMs};
  CountingSigner signer_;
  ServerNames names_{{"hub.example"}, {"10.0.2.2"}};
};

TEST_F(Bootstrap, SeparatesTheServersFilesFromTheSignersKeys) {
  ASSERT_TRUE(prepare_state(folder_));
  EXPECT_EQ(mode_of("data"), 0700U);
  // What tools look for lies where it always lay, and is a link that need not lead anywhere yet.
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/ports.json"));
  std::ofstream(folder_ + "/data/ports.json") << "{}";
  EXPECT_EQ(text_of("ports.json"), "{}");
  std::ofstream(folder_ + "/data/tls.pem") << "kept";
  ASSERT_TRUE(prepare_state(folder_));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/ports.json")) << "of a server that is gone";
  EXPECT_EQ(text_of("data/tls.pem"), "kept");
}

TEST_F(Bootstrap, MovesTheFilesOfAnEarlierVersion) {
  for (const char* name : {"registry.db", "registry.db-wal", "tls.pem", "service-ca.pem"})
    std::ofstream(folder_ + "/" + name) << name;
  std::ofstream(folder_ + "/lock") << "";
  std::filesystem::create_directories(folder_ + "/telemetry/0");
  std::filesystem::create_directories(folder_ + "/signer");
  std::ofstream(folder_ + "/signer/acme.root.key") << "key";
  ASSERT_TRUE(prepare_state(folder_));
  for (const char* name : {"registry.db", "registry.db-wal", "tls.pem", "service-ca.pem"})
    EXPECT_EQ(text_of(std::string("data/") + name), name);
  EXPECT_EQ(text_of("service-ca.pem"), "service-ca.pem");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/data/telemetry/0"));
  EXPECT_EQ(text_of("signer/acme.root.key"), "key");
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/lock"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/registry.db"));
}

// A rename that would lose the newer of two files is not made.
TEST_F(Bootstrap, TwoRegistriesAreAnError) {
  ASSERT_TRUE(prepare_state(folder_));
  std::ofstream(folder_ + "/data/registry.db") << "new";
  std::ofstream(folder_ + "/registry.db") << "old";
  EXPECT_TRUE(prepare_state(folder_).error().is(kStateUnusable));
  EXPECT_EQ(text_of("data/registry.db"), "new");
}

TEST_F(Bootstrap, MakesTheIdentityOnceAndKeepsItPrivate) {
  const auto first = load_or_make_identity(folder_, names_, signer_, clock_);
  ASSERT_TRUE(first);
  EXPECT_THAT(signer_.last.dns_names, ElementsAre("hub.example"));
  EXPECT_THAT(signer_.last.ip_addresses, ElementsAre("10.0.2.2"));
  EXPECT_EQ(mode_of(kIdentityFile), 0600U);
  EXPECT_EQ(mode_of(kServiceCaFile), 0644U);
  EXPECT_EQ(text_of(kServiceCaFile),
            "-----BEGIN CERTIFICATE-----\ncm9vdA==\n-----END CERTIFICATE-----\n");
  const auto second = load_or_make_identity(folder_, names_, signer_, clock_);
  ASSERT_TRUE(second);
  EXPECT_EQ(signer_.made, 1);
  EXPECT_EQ(second->chain_pem, first->chain_pem);
  EXPECT_TRUE(equal(second->key_pem.view(), first->key_pem.view()));
}

TEST_F(Bootstrap, MakesANewIdentityForOtherNamesAndInTime) {
  ASSERT_TRUE(load_or_make_identity(folder_, names_, signer_, clock_));
  ASSERT_TRUE(load_or_make_identity(folder_, {{"other.example"}, {}}, signer_, clock_));
  EXPECT_EQ(signer_.made, 2);
  clock_.advance_ms(kIdentityRenewAfterS * 1000);
  ASSERT_TRUE(load_or_make_identity(folder_, {{"other.example"}, {}}, signer_, clock_));
  EXPECT_EQ(signer_.made, 2);
  clock_.advance_ms(1000);
  ASSERT_TRUE(load_or_make_identity(folder_, {{"other.example"}, {}}, signer_, clock_));
  EXPECT_EQ(signer_.made, 3);
}

TEST_F(Bootstrap, RecoversFromATornIdentity) {
  for (const char* torn :
       {"", "pavise-server-identity-1 ", "nonsense", "pavise-server-identity-1 5 x\n"}) {
    std::ofstream(folder_ + "/" + std::string(kIdentityFile)) << torn;
    EXPECT_TRUE(load_or_make_identity(folder_, names_, signer_, clock_)) << torn;
  }
  ASSERT_EQ(::unlink((folder_ + "/service-ca.pem").c_str()), 0);
  EXPECT_TRUE(load_or_make_identity(folder_, names_, signer_, clock_));
  EXPECT_THAT(text_of(kServiceCaFile), HasSubstr("BEGIN CERTIFICATE"));
}

TEST_F(Bootstrap, FailsWithoutTheSigner) {
  signer_.reachable = false;
  const auto identity = load_or_make_identity(folder_, names_, signer_, clock_);
  ASSERT_FALSE(identity);
  EXPECT_TRUE(identity.error().is(security::signer::kSignerUnreachable));
  EXPECT_EQ(text_of(kIdentityFile), "");
}

TEST_F(Bootstrap, RefusesAStateDirectoryOpenToOthers) {
  const std::string path = folder_ + "/a/b";
  EXPECT_TRUE(make_private_directory(path));
  EXPECT_TRUE(make_private_directory(path));
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_TRUE(make_private_directory(path).error().is(kStateUnusable));
  std::ofstream(folder_ + "/file") << "x";
  EXPECT_TRUE(make_private_directory(folder_ + "/file").error().is(kStateUnusable));
}

TEST_F(Bootstrap, LetsOneServerUseADirectory) {
  {
    const auto held = lock_directory(folder_);
    ASSERT_TRUE(held);
    EXPECT_TRUE(lock_directory(folder_).error().is(kStateBusy));
  }
  EXPECT_TRUE(lock_directory(folder_));
}

TEST_F(Bootstrap, WritesFilesWholeOrNotAtAll) {
  const std::string path = folder_ + "/x";
  ASSERT_TRUE(write_file(path, as_bytes("one"), 0600));
  ASSERT_TRUE(write_file(path, as_bytes("two"), 0600));
  EXPECT_EQ(text_of("x"), "two");
  EXPECT_FALSE(write_file(folder_ + "/none/x", as_bytes("one"), 0600));
  EXPECT_TRUE(read_file(path, 3));
  EXPECT_TRUE(read_file(path, 2).error().is(kStateUnusable));
  EXPECT_TRUE(read_file(path + "y", 2).error().is(kNoSuchFile));
}

TEST(Names, AreSortedAndLimited) {
  const auto names = parse_names({"a.example", "10.0.0.1", "::1", "a.example"});
  ASSERT_TRUE(names);
  EXPECT_THAT(names->dns, ElementsAre("a.example"));
  EXPECT_THAT(names->ip, ElementsAre("10.0.0.1", "::1"));
  EXPECT_THAT(parse_names({"*.hub.example"})->dns, ElementsAre("*.hub.example"));
  for (const char* wrong :
       {"", "a b", "a_b", "a/b", "*", "*.example", "a.*.example", "*.*.example"})
    EXPECT_FALSE(parse_names({wrong})) << wrong;
  std::vector<std::string> many;
  for (std::size_t i = 0; i < security::signer::kServerNamesMax; ++i)
    many.push_back("h" + std::to_string(i));
  EXPECT_TRUE(parse_names(many));
  many.push_back("one-more");
  EXPECT_FALSE(parse_names(many));
}

TEST(CommandLine, HasDefaultsAndRefusesOddities) {
  const char* good[] = {"pavise-server", "--state", "/s", "--san", "a", "--san", "b"};
  const auto parsed = parse_command_line(7, good);
  ASSERT_TRUE(parsed.options);
  EXPECT_EQ(parsed.options->signer_socket, "/s/signer.sock");
  EXPECT_EQ(parsed.options->management_port, 8443);
  EXPECT_THAT(parsed.options->names()->dns, ElementsAre("localhost", "a", "b"));
  const char* without_state[] = {"pavise-server"};
  EXPECT_EQ(parse_command_line(1, without_state).exit_code, 2);
  const char* port[] = {"pavise-server", "--state", "/s", "--hub-port", "65536"};
  EXPECT_EQ(parse_command_line(5, port).exit_code, 2);
}

TEST(CommandLine, NamesAnObjectStoreWholeOrNotAtAll) {
  const auto parsed = [](std::vector<const char*> words) {
    words.insert(words.begin(), {"pavise-server", "--state", "/s"});
    return parse_command_line(static_cast<int>(words.size()), words.data());
  };
  const char* url[] = {"--file-store-url", "https://h"};
  const char* bucket[] = {"--file-store-bucket", "b"};
  const char* keys[] = {"--file-store-keys", "/k"};
  const auto all =
      parsed({url[0], url[1], bucket[0], bucket[1], keys[0], keys[1], "--file-store-virtual-host"});
  ASSERT_TRUE(all.options);
  EXPECT_EQ(all.options->file_store_url, "https://h");
  EXPECT_EQ(all.options->file_store_region, "us-east-1");
  EXPECT_TRUE(all.options->file_store_virtual_host);
  EXPECT_EQ(parsed({url[0], url[1], bucket[0], bucket[1]}).exit_code, 2);
  EXPECT_EQ(parsed({url[0], url[1], keys[0], keys[1]}).exit_code, 2);
  EXPECT_EQ(parsed({bucket[0], bucket[1], keys[0], keys[1]}).exit_code, 2);
  EXPECT_EQ(parsed({"--file-store-region", "r"}).exit_code, 2);
  EXPECT_EQ(parsed({"--file-store-ca", "c"}).exit_code, 2);
}

// The "signer" is a script that notes each start and waits for its end.
class Supervisor : public Bootstrap {
 protected:
  void write_program(const std::string& script) {
    std::ofstream(folder_ + "/program") << "#!/bin/sh\n" << script;
    ::chmod((folder_ + "/program").c_str(), 0700);
  }
  SignerCommand command() { return {folder_ + "/program", folder_ + "/signer", folder_ + "/s"}; }
  // Waits until `name` holds `size` bytes or more.
  bool grows_to(std::string_view name, std::size_t size) {
    for (int i = 0; i < 500; ++i) {
      if (text_of(name).size() >= size) return true;
      ::poll(nullptr, 0, 10);
    }
    return false;
  }
};

TEST_F(Supervisor, RestartsTheSignerWhenItEnds) {
  write_program("echo x >> " + folder_ + "/starts\n");
  auto supervisor = SignerSupervisor::start(command());
  ASSERT_TRUE(supervisor);
  EXPECT_TRUE(grows_to("starts", 6)) << "three starts";
}

TEST_F(Supervisor, EndsTheSignerWithItself) {
  write_program("echo \"$*\" > " + folder_ + "/arguments\ntrap 'echo end > " + folder_ +
                "/end; exit 0' TERM\nwhile :; do sleep 0.05; done\n");
  auto supervisor = SignerSupervisor::start(command());
  ASSERT_TRUE(supervisor);
  ASSERT_TRUE(grows_to("arguments", 1));
  EXPECT_EQ(text_of("arguments"), "--keys " + folder_ + "/signer --socket " + folder_ + "/s\n");
  supervisor->stop();
  EXPECT_TRUE(grows_to("end", 4));
}

}  // namespace
}  // namespace pavise::server
