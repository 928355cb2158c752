// What every ByteDepot does, against each of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cloud/hub/files/byte_depot.h"

namespace pavise::hub::files::testing {

// A medium that outlives the depots on it.
struct DepotMedium {
  virtual ~DepotMedium() = default;
  virtual std::unique_ptr<ByteDepot> open() = 0;
};
struct DepotKind {
  std::string name;
  std::function<std::unique_ptr<DepotMedium>()> make;
};

inline std::vector<std::string> objects_of(ByteDepot& depot) {
  std::vector<std::string> out;
  const Status done = depot.each([&](const std::string& name) -> Status {
    out.push_back(name);
    return {};
  });
  EXPECT_TRUE(done) << done.error().message();
  std::ranges::sort(out);
  return out;
}

class DepotContract : public ::testing::TestWithParam<DepotKind> {
 protected:
  DepotContract() : medium_(GetParam().make()) { reopen(); }
  void reopen() {
    depot_.reset();
    depot_ = medium_->open();
  }
  void write(const std::string& name, ByteView bytes) {
    const Status done = depot_->write(name, bytes);
    EXPECT_TRUE(done) << done.error().message();
  }
  std::string read(const std::string& name, std::uint64_t position, std::size_t size) {
    const auto bytes = depot_->read(name, position, size);
    return bytes ? std::string(as_text(*bytes)) : bytes.error().message();
  }
  const std::string first_ = std::string(32, 'a');
  const std::string second_ = std::string(31, '0') + "f";
  std::unique_ptr<DepotMedium> medium_;
  std::unique_ptr<ByteDepot> depot_;
};

TEST_P(DepotContract, WhatWasWrittenIsReadFromAnyPosition) {
  write(first_, as_bytes("0123456789"));
  EXPECT_EQ(read(first_, 0, 100), "0123456789");
  EXPECT_EQ(read(first_, 0, 10), "0123456789");
  EXPECT_EQ(read(first_, 4, 3), "456");
  EXPECT_EQ(read(first_, 9, 1), "9");
  EXPECT_EQ(read(first_, 9, 2), "9");
  EXPECT_EQ(read(first_, 4, 0), "");
  EXPECT_EQ(read(first_, 10, 3), "");
  EXPECT_EQ(read(first_, 99, 3), "");
  EXPECT_TRUE(depot_->remove(first_));
}

TEST_P(DepotContract, AnObjectMayHaveAnyBytesAndMany) {
  Bytes bytes(8UL * 1024 * 1024);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 >> 3U);
  write(first_, bytes);
  const auto all = depot_->read(first_, 0, bytes.size());
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_TRUE(equal(*all, bytes));
  const auto part = depot_->read(first_, 5'000'000, 64UL * 1024);
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_TRUE(equal(*part, ByteView(bytes).subspan(5'000'000, 64UL * 1024)));
  EXPECT_TRUE(depot_->remove(first_));
}

TEST_P(DepotContract, ObjectsOutliveTheDepotUntilTheyAreRemoved) {
  write(first_, as_bytes("one"));
  write(second_, {});
  reopen();
  EXPECT_EQ(objects_of(*depot_), (std::vector<std::string>{second_, first_}));
  EXPECT_EQ(read(first_, 0, 9), "one");
  EXPECT_EQ(read(second_, 0, 9), "");
  EXPECT_TRUE(depot_->remove(first_));
  EXPECT_TRUE(depot_->remove(first_)) << "removed already";
  const auto gone = depot_->read(first_, 0, 9);
  ASSERT_FALSE(gone);
  EXPECT_TRUE(gone.error().is(kFilesFailed)) << gone.error().message();
  EXPECT_EQ(objects_of(*depot_), std::vector<std::string>{second_});
  EXPECT_TRUE(depot_->remove(second_));
  EXPECT_TRUE(objects_of(*depot_).empty());
}

TEST_P(DepotContract, AListingEndsWhereItsVisitorFails) {
  write(first_, as_bytes("one"));
  write(second_, as_bytes("two"));
  int seen = 0;
  const Status done = depot_->each([&](const std::string&) {
    ++seen;
    return Error(kFilesFull);
  });
  ASSERT_FALSE(done);
  EXPECT_TRUE(done.error().is(kFilesFull));
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE(depot_->remove(first_));
  EXPECT_TRUE(depot_->remove(second_));
}

TEST_P(DepotContract, SaysWhatRoomThereIs) {
  EXPECT_GT(*depot_->free_bytes(), 0U);
}

inline std::string name_of(const ::testing::TestParamInfo<DepotKind>& info) {
  return info.param.name;
}

}  // namespace pavise::hub::files::testing
