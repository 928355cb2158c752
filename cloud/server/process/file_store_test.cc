#include "cloud/server/process/file_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cloud/server/bootstrap/files.h"
#include "cloud/server/process/sandbox.h"

namespace pavise::server {
namespace {

class FileStoreOptions : public ::testing::Test {
 protected:
  FileStoreOptions() {
    std::string pattern = ::testing::TempDir() + "pavise-store-options-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    options_.file_store_url = "https://127.0.0.1:9000";
    options_.file_store_bucket = "files";
    options_.file_store_keys = folder_ + "/keys";
    options_.file_store_ca = folder_ + "/ca.pem";
    std::ofstream(options_.file_store_keys)
        << "aws_access_key_id = AK\naws_secret_access_key = S3CRET\n";
    std::ofstream(options_.file_store_ca) << "authorities";
    EXPECT_EQ(::chmod(options_.file_store_keys.c_str(), 0600), 0);
  }
  ~FileStoreOptions() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
  ServerOptions options_;
};

TEST_F(FileStoreOptions, AreReadBeforeTheSandboxCloses) {
  const auto store = load_file_store(options_);
  ASSERT_TRUE(store) << store.error().message();
  ASSERT_NE(*store, nullptr);
  EXPECT_EQ((*store)->place.text(), "https://127.0.0.1:9000/files");
  EXPECT_EQ((*store)->place.region(), "us-east-1");
  EXPECT_EQ((*store)->keys.access_key, "AK");
  EXPECT_EQ((*store)->trust_anchors_pem, "authorities");
  options_.file_store_virtual_host = true;
  EXPECT_EQ((*load_file_store(options_))->place.host(), "files.127.0.0.1");
}

TEST_F(FileStoreOptions, OfNoStoreKeepFilesHere) {
  const auto store = load_file_store({});
  ASSERT_TRUE(store);
  EXPECT_EQ(*store, nullptr);
}

TEST_F(FileStoreOptions, ThatAreWrongEndTheStart) {
  ServerOptions other = options_;
  other.file_store_url = "http://s3.example.com";
  EXPECT_TRUE(load_file_store(other).error().is(hub::s3_store::kBadPlace));
  other = options_;
  other.file_store_ca = folder_ + "/none";
  EXPECT_TRUE(load_file_store(other).error().is(kNoSuchFile));
  EXPECT_EQ(::chmod(options_.file_store_keys.c_str(), 0644), 0);
  EXPECT_TRUE(load_file_store(options_).error().is(hub::s3_store::kBadKeys));
}

TEST_F(FileStoreOptions, OpenTheWayOutAndNothingElseDoes) {
  EXPECT_EQ(outbound({}), Outbound::none);
  EXPECT_EQ(outbound(options_), Outbound::anywhere);
  ServerOptions routing;
  routing.message_routing = true;
  EXPECT_EQ(outbound(routing), Outbound::anywhere);
}

}  // namespace
}  // namespace pavise::server
