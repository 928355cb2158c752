#include "device/agent/certificate.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "device/agent/attest_flow.h"
#include "device/agent/testing/fake_device.h"

namespace pavise::agent {
namespace {

using testing::FakeMonitor;
using testing::LeafSpec;

class CertificateTest : public ::testing::Test {
 protected:
  CertificateTest() {
    std::string pattern = ::testing::TempDir() + "pavise-agent-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  ~CertificateTest() override { std::filesystem::remove_all(folder); }
  DeviceCertificate certificate(const LeafSpec& spec = {}) {
    const auto accepted = monitor.accepted(spec);
    auto read = read_certificate(accepted, evidence::encode_response(accepted), owner());
    EXPECT_TRUE(read);
    return *read;
  }
  CertificateOwner owner() { return *owner_of(*monitor.identity()); }
  std::filesystem::path file() const { return folder / "certificate.cbor"; }

  FakeMonitor monitor;
  std::filesystem::path folder;
};

TEST_F(CertificateTest, ARenewalTimeOutsideOfTheValidityBecomesTwoThirds) {
  const struct {
    UnixSeconds given;
    UnixSeconds expected;
  } rows[] = {{1'790'000'000, 1'790'057'600},
              {1'790'000'001, 1'790'000'001},
              {1'790'086'400, 1'790'086'400},
              {1'790'086'401, 1'790'057'600},
              {0, 1'790'057'600}};
  for (const auto& row : rows)
    EXPECT_EQ(certificate({.renew_by = row.given}).renew_at, row.expected);
}

TEST_F(CertificateTest, SurvivesTheDisk) {
  FileCertificateStore store(folder, owner());
  EXPECT_FALSE(*store.load());
  const DeviceCertificate saved = certificate();
  ASSERT_TRUE(store.save(saved));
  struct stat facts{};
  ASSERT_EQ(stat(file().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  auto loaded = store.load();
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->chain_der, saved.chain_der);
  EXPECT_EQ((*loaded)->not_after, 1'790'086'400);
  store.erase();
  EXPECT_FALSE(*store.load());
  store.erase();
}

TEST_F(CertificateTest, EveryTruncationOnDiskReadsAsNoCertificate) {
  FileCertificateStore store(folder, owner());
  ASSERT_TRUE(store.save(certificate()));
  const auto whole = std::filesystem::file_size(file());
  for (std::uintmax_t size = whole; size-- > 0;) {
    std::filesystem::resize_file(file(), size);
    auto loaded = store.load();
    ASSERT_TRUE(loaded) << size;
    ASSERT_FALSE(*loaded) << size;
  }
}

TEST_F(CertificateTest, ForeignOrHugeFilesReadAsNoCertificate) {
  FakeMonitor other;
  FileCertificateStore(folder, owner()).save(certificate()).value();
  FileCertificateStore of_other(folder, *owner_of(*other.identity()));
  EXPECT_FALSE(*of_other.load());
  std::ofstream(file()) << std::string(1 << 20, 'x');
  EXPECT_FALSE(*FileCertificateStore(folder, owner()).load());
  const Bytes refused = evidence::encode_response(evidence::Refused{"PV-ATT-001", "no", {}});
  std::ofstream(file()) << as_text(refused);
  EXPECT_FALSE(*FileCertificateStore(folder, owner()).load());
}

TEST_F(CertificateTest, AFailingDiskIsSaid) {
  FileCertificateStore nowhere(folder / "missing", owner());
  auto saved = nowhere.save(certificate());
  ASSERT_FALSE(saved);
  EXPECT_TRUE(saved.error().is(kStoreFailed));
  std::filesystem::create_directory(file());
  EXPECT_FALSE(FileCertificateStore(folder, owner()).load());
  EXPECT_FALSE(FileCertificateStore(folder, owner()).save(certificate()));
}

}  // namespace
}  // namespace pavise::agent
