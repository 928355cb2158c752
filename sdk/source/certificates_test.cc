// The store of certificates of one app: what is in it, and what is in it after whatever happens.
#include "sdk/source/testing/certificates.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <pavise/internal/certificate_file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <pavise/pavise.hpp>

namespace {

namespace fs = std::filesystem;
using sdk_testing::issue;
using sdk_testing::Issued;

// How many of the store's steps on the disk are left before the power goes; negative: it stays.
int steps_left = -1;

bool power_goes() {
  if (steps_left < 0) return false;
  --steps_left;
  return steps_left < 0;
}

}  // namespace

// The linker has these called instead of the C library's (--wrap).
extern "C" {
ssize_t real_pwrite(int file, const void* bytes, size_t size, off_t at) __asm__("__real_pwrite");
ssize_t wrapped_pwrite(int file, const void* bytes, size_t size, off_t at) __asm__("__wrap_pwrite");
int real_renameat(int from_folder, const char* from, int to_folder,
                  const char* to) __asm__("__real_renameat");
int wrapped_renameat(int from_folder, const char* from, int to_folder,
                     const char* to) __asm__("__wrap_renameat");
int real_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                   unsigned how) __asm__("__real_renameat2");
int wrapped_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                      unsigned how) __asm__("__wrap_renameat2");
int real_fsync(int file) __asm__("__real_fsync");
int wrapped_fsync(int file) __asm__("__wrap_fsync");
}

ssize_t wrapped_pwrite(int file, const void* bytes, size_t size, off_t at) {
  if (power_goes()) {
    (void)!real_pwrite(file, bytes, size / 2, at);
    ::_exit(9);
  }
  return real_pwrite(file, bytes, size, at);
}
int wrapped_renameat(int from_folder, const char* from, int to_folder, const char* to) {
  if (power_goes()) ::_exit(9);
  return real_renameat(from_folder, from, to_folder, to);
}
int wrapped_renameat2(int from_folder, const char* from, int to_folder, const char* to,
                      unsigned how) {
  if (power_goes()) ::_exit(9);
  return real_renameat2(from_folder, from, to_folder, to, how);
}
int wrapped_fsync(int file) {
  if (power_goes()) ::_exit(9);
  return real_fsync(file);
}

namespace {

class SdkCertificates : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "pavise-certificates-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ::setenv("PAVISE_CERTIFICATES", folder_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("PAVISE_CERTIFICATES");
    fs::remove_all(folder_);
  }

  static const Issued& root() {
    static const Issued made = issue({.subject = {{"CN", "Root"}}, .is_ca = true});
    return made;
  }
  static Issued client(const std::string& name) {
    return issue({.subject = {{"CN", name}}}, &root());
  }
  static int install_root(const char* id) {
    const std::string pem = root().pem();
    return pavise_certificates_install_root_ca(id, pem.data(), pem.size());
  }
  static int install(const char* id, const std::string& certificate, const std::string& key) {
    return pavise_certificates_install_client(id, certificate.data(), certificate.size(),
                                              key.data(), key.size());
  }
  static int install(const char* id, const Issued& one) {
    return install(id, one.pem(), one.key_pem());
  }
  static std::string subject(const char* id) {
    pavise_certificate out{};
    const int outcome = pavise_certificates_describe(id, &out);
    return outcome == 0 ? out.subject : std::to_string(outcome);
  }
  static std::vector<std::string> ids() {
    char out[PAVISE_CERTIFICATES_MAX][PAVISE_CERTIFICATE_ID_BYTES_MAX + 1];
    const int count = pavise_certificates_list(out);
    EXPECT_GE(count, 0);
    return {out, out + count};
  }
  // In a process whose power goes at its step number `step`; whether it came to its end.
  template <class Act>
  static bool lives_through(int step, const Act& act) {
    const pid_t child = ::fork();
    if (child == 0) {
      steps_left = step;
      ::_exit(act() == 0 ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_NE(WEXITSTATUS(status), 1);
    return WEXITSTATUS(status) == 0;
  }

  fs::path folder_;
};

TEST_F(SdkCertificates, WhatIsInstalledIsDescribedAndLoaded) {
  const Issued own = client("pump-7");
  ASSERT_EQ(install_root("plant-ca"), 0);
  ASSERT_EQ(install("own", own), 0);
  EXPECT_EQ(ids(), (std::vector<std::string>{"own", "plant-ca"}));
  pavise_certificate described{};
  ASSERT_EQ(pavise_certificates_describe("own", &described), 0);
  EXPECT_STREQ(described.id, "own");
  EXPECT_EQ(described.kind, PAVISE_CLIENT_CERTIFICATE);
  EXPECT_STREQ(described.subject, "CN=pump-7");
  EXPECT_STREQ(described.issuer, "CN=Root");
  EXPECT_EQ(described.not_before_s, 1577836800);
  EXPECT_EQ(described.not_after_s, 2524607999);
  ASSERT_EQ(pavise_certificates_describe("plant-ca", &described), 0);
  EXPECT_EQ(described.kind, PAVISE_ROOT_CA);
  const auto loaded = pavise::Credential::load("own");
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded.certificate(), own.pem());
  EXPECT_EQ(loaded.key(), own.key_pem());
  const auto ca = pavise::Credential::load("plant-ca");
  EXPECT_EQ(ca.certificate(), root().pem());
  EXPECT_EQ(ca.key(), "");
  EXPECT_EQ(pavise_certificates_available(), PAVISE_CERTIFICATES_MAX - 2);
}

TEST_F(SdkCertificates, OnlyItsUserReadsIt) {
  ASSERT_EQ(install("own", client("pump")), 0);
  for (const auto& entry : fs::directory_iterator(folder_))
    EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(SdkCertificates, WithoutTheGrantThereIsNoStore) {
  ::unsetenv("PAVISE_CERTIFICATES");
  char list[PAVISE_CERTIFICATES_MAX][PAVISE_CERTIFICATE_ID_BYTES_MAX + 1];
  EXPECT_EQ(pavise_certificates_list(list), -EACCES);
  EXPECT_EQ(pavise_certificates_available(), -EACCES);
  EXPECT_EQ(install_root("ca"), -EACCES);
  EXPECT_EQ(pavise_certificates_delete("ca"), -EACCES);
  EXPECT_EQ(pavise_certificates_move("ca", "cb"), -EACCES);
  EXPECT_EQ(pavise::Credential::load("ca").error(), -EACCES);
  ::setenv("PAVISE_CERTIFICATES", (folder_ / "absent").c_str(), 1);
  EXPECT_EQ(install_root("ca"), -ENOENT);
}

TEST_F(SdkCertificates, IdsAreShortWords) {
  const std::string longest(PAVISE_CERTIFICATE_ID_BYTES_MAX, 'i');
  EXPECT_EQ(install_root(longest.c_str()), 0);
  EXPECT_EQ(install_root("A-z_09"), 0);
  for (const std::string& id :
       {longest + "i", std::string(), std::string("."), std::string(".."), std::string(".spare"),
        std::string("a.b"), std::string("a/b"), std::string("a b"), std::string("\xc3\xa4")}) {
    EXPECT_EQ(install_root(id.c_str()), -EINVAL) << id;
    EXPECT_EQ(pavise_certificates_delete(id.c_str()), -EINVAL) << id;
    EXPECT_EQ(pavise_certificates_move(id.c_str(), "a"), -EINVAL) << id;
    EXPECT_EQ(pavise_certificates_move("A-z_09", id.c_str()), -EINVAL) << id;
    EXPECT_EQ(pavise::Credential::load(id.c_str()).error(), -EINVAL) << id;
  }
  EXPECT_EQ(install_root(nullptr), -EINVAL);
  EXPECT_EQ(ids(), (std::vector<std::string>{"A-z_09", longest}));
}

TEST_F(SdkCertificates, WhatIsNoCertificateIsNotInstalled) {
  const Issued own = client("pump");
  EXPECT_EQ(install("own", "no certificate", own.key_pem()), -EBADMSG);
  EXPECT_EQ(install("own", "", own.key_pem()), -EBADMSG);
  EXPECT_EQ(install("own", own.key_pem(), own.key_pem()), -EBADMSG);
  EXPECT_EQ(install("own", own.pem(), ""), -EINVAL);
  EXPECT_EQ(pavise_certificates_install_root_ca("ca", nullptr, 5), -EINVAL);
  EXPECT_EQ(ids(), std::vector<std::string>());
}

TEST_F(SdkCertificates, EachBlobHasALimit) {
  const Issued own = client("pump");
  std::string chain = own.pem();
  chain.resize(PAVISE_CERTIFICATE_BYTES_MAX, '\n');
  const std::string key(PAVISE_CERTIFICATE_BYTES_MAX, 'k');
  EXPECT_EQ(install("own", chain + '\n', key), -E2BIG);
  EXPECT_EQ(install("own", chain, key + 'k'), -E2BIG);
  ASSERT_EQ(install("own", chain, key), 0);
  const auto loaded = pavise::Credential::load("own");
  EXPECT_EQ(loaded.certificate(), chain);
  EXPECT_EQ(loaded.key(), key);
  EXPECT_EQ(loaded.key().data()[key.size()], '\0');
}

TEST_F(SdkCertificates, ThereAreSixteen) {
  for (int i = 0; i < PAVISE_CERTIFICATES_MAX; ++i)
    ASSERT_EQ(install_root(("ca-" + std::to_string(i)).c_str()), 0);
  EXPECT_EQ(pavise_certificates_available(), 0);
  EXPECT_EQ(install_root("one-more"), -ENOSPC);
  EXPECT_EQ(install_root("ca-3"), 0);  // replaces
  EXPECT_EQ(pavise_certificates_delete("ca-3"), 0);
  EXPECT_EQ(pavise_certificates_delete("ca-3"), -ENOENT);
  EXPECT_EQ(install_root("one-more"), 0);
  EXPECT_EQ(ids().size(), static_cast<std::size_t>(PAVISE_CERTIFICATES_MAX));
}

TEST_F(SdkCertificates, ARenewedOneTakesThePlaceOfTheOld) {
  ASSERT_EQ(install("own", client("old")), 0);
  const Issued fresh = client("fresh");
  ASSERT_EQ(install("next", fresh), 0);
  ASSERT_EQ(pavise_certificates_move("next", "own"), 0);
  EXPECT_EQ(ids(), std::vector<std::string>{"own"});
  EXPECT_EQ(subject("own"), "CN=fresh");
  EXPECT_EQ(pavise::Credential::load("own").key(), fresh.key_pem());
  ASSERT_EQ(pavise_certificates_move("own", "renamed"), 0);
  EXPECT_EQ(subject("renamed"), "CN=fresh");
  EXPECT_EQ(pavise_certificates_move("own", "renamed"), -ENOENT);
  EXPECT_EQ(pavise_certificates_move("renamed", "renamed"), -EINVAL);
  EXPECT_EQ(subject("renamed"), "CN=fresh");
}

TEST_F(SdkCertificates, AnIdKeepsItsKind) {
  ASSERT_EQ(install_root("ca"), 0);
  ASSERT_EQ(install("own", client("pump")), 0);
  EXPECT_EQ(install("ca", client("pump")), -EEXIST);
  EXPECT_EQ(install_root("own"), -EEXIST);
  EXPECT_EQ(pavise_certificates_move("own", "ca"), -EEXIST);
  EXPECT_EQ(subject("ca"), "CN=Root");
  EXPECT_EQ(subject("own"), "CN=pump");
}

void write_bytes(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(SdkCertificates, WhatIsDamagedIsSaidSoAndCanBeReplaced) {
  ASSERT_EQ(install("own", client("pump")), 0);
  const std::string good = bytes_of(folder_ / "own");
  ASSERT_EQ(good.size(), static_cast<std::size_t>(kCertificateFileBytes));
  EXPECT_EQ(good.substr(0, 12), std::string("PVCERTS\x01\x02\0\0\0", 12));
  for (std::size_t at = 0; at < good.size(); at += at < 64 ? 1 : 509) {
    std::string bent = good;
    bent[at] = static_cast<char>(bent[at] ^ 0x10);
    write_bytes(folder_ / "own", bent);
    const int outcome = pavise::Credential::load("own").error();
    EXPECT_EQ(outcome, at == 7 ? -ENOTSUP : -EBADMSG) << at;
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{23}, good.size() / 2, good.size() - 1}) {
    write_bytes(folder_ / "own", good.substr(0, size));
    EXPECT_EQ(subject("own"), std::to_string(-EBADMSG)) << size;
  }
  EXPECT_EQ(ids(), std::vector<std::string>{"own"});
  EXPECT_EQ(pavise_certificates_move("own", "other"), -EBADMSG);
  EXPECT_EQ(install("own", client("again")), 0);
  EXPECT_EQ(subject("own"), "CN=again");
}

// What an earlier release wrote, and nobody's of this one.
TEST_F(SdkCertificates, FilesOfTheFirstVersionAreRead) {
  fs::copy_file("sdk/testdata/corpus/certificates_fuzz/file", folder_ / "own");
  const auto loaded = pavise::Credential::load("own");
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded.key(), "a key");
  EXPECT_EQ(subject("own"), "emailAddress=a@example.com,CN=plant,O=Example\\, Inc.,C=CH");
}

TEST_F(SdkCertificates, LinksPipesAndFoldersAreNoCertificates) {
  ASSERT_EQ(install("own", client("pump")), 0);
  fs::create_symlink("own", folder_ / "link");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  fs::create_directory(folder_ / "folder");
  EXPECT_EQ(subject("link"), std::to_string(-ELOOP));
  EXPECT_EQ(subject("pipe"), std::to_string(-EBADMSG));
  EXPECT_EQ(subject("folder"), std::to_string(-EISDIR));
  fs::remove(folder_ / ".spare");
  fs::create_symlink("elsewhere", folder_ / ".spare");
  EXPECT_EQ(install("link", client("again")), -ELOOP);
  EXPECT_EQ(install("link", client("again")), 0);
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
  EXPECT_EQ(subject("own"), "CN=pump");
}

// At each step of each change: afterwards the store has what it had, or what it was to have, whole.
TEST_F(SdkCertificates, APowerCutLeavesTheOldOrTheNew) {
  const Issued old = client("old");
  const Issued fresh = client("fresh");
  const auto load = [](const char* id) {
    const auto out = pavise::Credential::load(id);
    return out ? std::string(out.certificate()) + std::string(out.key())
               : std::to_string(out.error());
  };
  const std::string absent = std::to_string(-ENOENT);
  const std::string one = old.pem() + old.key_pem();
  const std::string other = fresh.pem() + fresh.key_pem();
  const auto all_cuts = [&](const auto& prepare, const auto& act, const std::string& before,
                            const std::string& after) {
    bool lived = false;
    int step = 0;
    for (; !lived && step < 50; ++step) {
      for (const auto& entry : fs::directory_iterator(folder_)) fs::remove(entry);
      prepare();
      lived = lives_through(step, act);
      const std::string has = load("own");
      EXPECT_TRUE(has == after || (!lived && has == before)) << step << ' ' << has;
      ASSERT_EQ(install("own", fresh), 0) << step;  // the store works on
      EXPECT_EQ(load("own"), other);
    }
    EXPECT_TRUE(lived);
    EXPECT_GE(step, 2);
  };
  all_cuts([] {}, [&] { return install("own", fresh); }, absent, other);
  all_cuts([&] { ASSERT_EQ(install("own", old), 0); }, [&] { return install("own", fresh); }, one,
           other);
  all_cuts([&] { ASSERT_EQ(install("own", old), 0); },
           [&] { return pavise_certificates_delete("own"); }, one, absent);
  all_cuts(
      [&] {
        ASSERT_EQ(install("own", old), 0);
        ASSERT_EQ(install("next", fresh), 0);
      },
      [&] { return pavise_certificates_move("next", "own"); }, one, other);
}

// What a full disk does, by the limit of a file's size.
TEST_F(SdkCertificates, WhatCannotBeWrittenLeavesTheOld) {
  ASSERT_EQ(install("own", client("pump")), 0);
  const auto before = ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{.rlim_cur = 4096, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const int replaced = install("own", client("again"));
  const int added = install("another", client("again"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  ::signal(SIGXFSZ, before);
  EXPECT_EQ(replaced, -EFBIG);
  EXPECT_EQ(added, -EFBIG);
  EXPECT_EQ(subject("own"), "CN=pump");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

// A key that is gone is not in the files that stay.
TEST_F(SdkCertificates, WhatWasDeletedOrReplacedIsOverwritten) {
  const std::string key = "the-first-key";
  const auto anywhere = [&] {
    for (const auto& entry : fs::directory_iterator(folder_))
      if (bytes_of(entry.path()).contains(key)) return true;
    return false;
  };
  ASSERT_EQ(install("own", client("pump").pem(), key), 0);
  EXPECT_TRUE(anywhere());
  ASSERT_EQ(install("own", client("pump").pem(), "another"), 0);
  EXPECT_FALSE(anywhere());
  ASSERT_EQ(install("own", client("pump").pem(), key), 0);
  ASSERT_EQ(pavise_certificates_delete("own"), 0);
  EXPECT_FALSE(anywhere());
  // Also what a power cut left there: at the next change, whichever it is, and however it ends.
  for (const auto& change : {+[] { return install("other", client("pump")); },
                             +[] { return pavise_certificates_delete("own"); },
                             +[] { return pavise_certificates_move("own", "older"); }}) {
    ASSERT_EQ(install("own", client("pump").pem(), key), 0);
    fs::rename(folder_ / "own", folder_ / ".spare");
    EXPECT_TRUE(anywhere());
    (void)change();
    EXPECT_FALSE(anywhere());
  }
}

TEST_F(SdkCertificates, WhatAMoveReplacesIsOverwritten) {
  const std::string key = "the-first-key";
  ASSERT_EQ(install("own", client("pump").pem(), key), 0);
  fs::create_hard_link(folder_ / "own", folder_ / ".seen");  // to look at it afterwards
  ASSERT_EQ(install("next", client("pump")), 0);
  ASSERT_EQ(pavise_certificates_move("next", "own"), 0);
  EXPECT_FALSE(bytes_of(folder_ / ".seen").contains(key));
  EXPECT_EQ(subject("own"), "CN=pump");
}

// Each of them sees a certificate with its own key, whatever the others do.
TEST_F(SdkCertificates, ProcessesOfOneAppDoNotDisturbEachOther) {
  constexpr int kProcesses = 4;
  constexpr int kRounds = 25;
  std::array<std::string, kProcesses> certificates;
  for (int i = 0; i < kProcesses; ++i)
    certificates[static_cast<std::size_t>(i)] = client("pump-" + std::to_string(i)).pem();
  const auto work = [&](int which) {
    const std::string& own = certificates[static_cast<std::size_t>(which)];
    const std::string next = "next-" + std::to_string(which);
    for (int round = 0; round < kRounds; ++round) {
      const bool direct = round % 2 == 0;
      if (install(direct ? "own" : next.c_str(), own, own) != 0) return 1;
      if (!direct && pavise_certificates_move(next.c_str(), "own") != 0) return 2;
      const auto loaded = pavise::Credential::load("own");
      if (!loaded || loaded.certificate() != loaded.key()) return 3;
    }
    return 0;
  };
  std::array<pid_t, kProcesses> children{};
  for (int i = 0; i < kProcesses; ++i) {
    children[static_cast<std::size_t>(i)] = ::fork();
    if (children[static_cast<std::size_t>(i)] == 0) ::_exit(work(i));
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  EXPECT_EQ(ids(), std::vector<std::string>{"own"});
}

// ---- as an app with OpenSSL uses it

using Tls = std::unique_ptr<SSL_CTX, sdk_testing::Freed<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, sdk_testing::Freed<SSL_free>>;

bool trust(SSL_CTX* tls, const char* id) {
  const auto root = pavise::Credential::load(id);
  if (!root) return false;
  const sdk_testing::Memory memory(
      BIO_new_mem_buf(root.certificate().data(), static_cast<int>(root.certificate().size())));
  const sdk_testing::Certificate read(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  return read && X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), read.get()) == 1;
}

bool present(SSL_CTX* tls, const char* id) {
  const auto own = pavise::Credential::load(id);
  if (!own) return false;
  const sdk_testing::Memory memory(
      BIO_new_mem_buf(own.certificate().data(), static_cast<int>(own.certificate().size())));
  const sdk_testing::Memory key_memory(
      BIO_new_mem_buf(own.key().data(), static_cast<int>(own.key().size())));
  const sdk_testing::Certificate read(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  const sdk_testing::Key key(PEM_read_bio_PrivateKey(key_memory.get(), nullptr, nullptr, nullptr));
  return read && key && SSL_CTX_use_certificate(tls, read.get()) == 1 &&
         SSL_CTX_use_PrivateKey(tls, key.get()) == 1 && SSL_CTX_check_private_key(tls) == 1;
}

TEST_F(SdkCertificates, TlsTrustsTheRootAndShowsTheCertificate) {
  ASSERT_EQ(install_root("plant-ca"), 0);
  ASSERT_EQ(install("own", client("pump-7")), 0);
  const Tls tls(SSL_CTX_new(TLS_client_method()));
  ASSERT_TRUE(trust(tls.get(), "plant-ca"));
  ASSERT_TRUE(present(tls.get(), "own"));
  SSL_CTX_set_verify(tls.get(), SSL_VERIFY_PEER, nullptr);

  const Issued server = issue({.subject = {{"CN", "plant.example"}}}, &root());
  const Tls their_tls(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(their_tls.get(), server.certificate.get());
  SSL_CTX_use_PrivateKey(their_tls.get(), server.key.get());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(their_tls.get()), root().certificate.get());
  SSL_CTX_set_verify(their_tls.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);

  const Session ours(SSL_new(tls.get()));
  const Session theirs(SSL_new(their_tls.get()));
  BIO* one = nullptr;
  BIO* other = nullptr;
  ASSERT_EQ(BIO_new_bio_pair(&one, 0, &other, 0), 1);
  SSL_set_bio(ours.get(), one, one);
  SSL_set_bio(theirs.get(), other, other);
  SSL_set_connect_state(ours.get());
  SSL_set_accept_state(theirs.get());
  for (int turn = 0; turn < 10; ++turn) {
    (void)SSL_do_handshake(ours.get());
    (void)SSL_do_handshake(theirs.get());
  }
  ASSERT_TRUE(SSL_is_init_finished(ours.get()) && SSL_is_init_finished(theirs.get()));
  EXPECT_EQ(SSL_get_verify_result(ours.get()), X509_V_OK);
  const sdk_testing::Certificate shown(SSL_get1_peer_certificate(theirs.get()));
  std::array<char, 32> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown.get()), NID_commonName, name.data(),
                            name.size());
  EXPECT_STREQ(name.data(), "pump-7");
}

}  // namespace
