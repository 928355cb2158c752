// What can be seen without dm-verity, which many machines' kernels lack: the mount is tested in the
// virtual device.
#include "protocol/image/testing/packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "common/sandbox/sandbox.h"
#include "device/apps/packages/content_inspection.h"
#include "device/apps/packages/package_file.h"

namespace pavise::device {
namespace {

using testing::HasSubstr;

const std::vector<image::AbiOffer> kOffers{{"pavise-app", 1, 1}, {"x86-64", 1, 1}};
constexpr uid_t kNobody = 65534;

class PackagesTest : public testing::Test {
 protected:
  PackagesTest() {
    char path[] = "/tmp/pavise-packages-XXXXXX";
    folder_ = ::mkdtemp(path);
  }
  ~PackagesTest() override { std::filesystem::remove_all(folder_); }

  std::string write(const Bytes& bytes) const {
    const auto path = folder_ / "app.pvimage";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path;
  }
  Result<PackageFile> open(const Bytes& bytes) const {
    return open_package(write(bytes), image::testing::owner_keys(), kOffers);
  }

  std::filesystem::path folder_;
};

TEST_F(PackagesTest, OpensWhatItsOwnerSigned) {
  const auto opened = open(image::testing::package().bytes);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->package.manifest().name, "blink");
}

TEST_F(PackagesTest, RefusesWhatItDoesNotKnow) {
  Bytes bytes = image::testing::package().bytes;
  const auto foreign = crypto::P256PrivateKey::generate().value();
  const std::vector<crypto::P256PublicKey> others{foreign.public_key()};
  EXPECT_TRUE(open_package(write(bytes), others, kOffers).error().is(image::kNotSigned));
  EXPECT_TRUE(open_package(write(bytes), image::testing::owner_keys(), {{"pavise-app", 1, 1}})
                  .error()
                  .is(image::kAbiMissing));
  EXPECT_TRUE(open_package(folder_ / "missing", others, kOffers).error().is(kPackageUnreadable));
  EXPECT_TRUE(open_package(folder_, others, kOffers).error().is(kPackageUnreadable));
  std::filesystem::create_symlink(folder_ / "app.pvimage", folder_ / "link");
  EXPECT_TRUE(open_package(folder_ / "link", image::testing::owner_keys(), kOffers)
                  .error()
                  .is(kPackageUnreadable));
  bytes.pop_back();
  EXPECT_TRUE(open(bytes).error().is(image::kBadSize));
}

TEST_F(PackagesTest, ContentIsLookedAtByAChildWithoutPowers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  if (!sandbox::landlock_available()) GTEST_SKIP() << "this kernel has no Landlock";
  const auto opened = open(image::testing::package().bytes);
  ASSERT_TRUE(opened);
  const Status looked = inspect_content_apart(*opened, kNobody);
  EXPECT_TRUE(looked) << looked.error().message();
}

TEST_F(PackagesTest, WhatTheChildRefusesIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  if (!sandbox::landlock_available()) GTEST_SKIP() << "this kernel has no Landlock";
  const image::testing::File good = image::testing::package();
  Bytes damaged = good.bytes;
  damaged.back() ^= std::byte{1};
  auto opened = open(damaged);
  ASSERT_TRUE(opened) << "the signature covers the root hash only";
  Status looked = inspect_content_apart(*opened, kNobody);
  ASSERT_FALSE(looked);
  EXPECT_TRUE(looked.error().is(kContentRefused));
  EXPECT_THAT(looked.error().message(), HasSubstr("PV-IMG-009"));

  // The file shrinks under the reader: a signal, not an answer.
  opened = open(good.bytes);
  ASSERT_TRUE(opened);
  std::filesystem::resize_file(folder_ / "app.pvimage", 4096);
  looked = inspect_content_apart(*opened, kNobody);
  ASSERT_FALSE(looked);
  EXPECT_TRUE(looked.error().is(kContentRefused)) << looked.error().message();
}

}  // namespace
}  // namespace pavise::device
