#include "device/memory/startup_pages.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "device/memory/memory_report.h"

namespace pavise::device {
namespace {

// Constants, relocated constants, code, and the heap.
const char kConstant[] = "a constant";
const char* const kRelocated[] = {"one", "two"};

TEST(StartupPages, NothingThatIsUsedIsLost) {
  const std::vector<int> heap(10'000, 7);
  const auto shared = std::make_shared<std::string>(5'000, 'x');
  for (int i = 0; i < 3; ++i) {
    release_startup_pages();
    EXPECT_STREQ(kConstant, "a constant");
    EXPECT_STREQ(kRelocated[1], "two");
    EXPECT_EQ(heap.back(), 7);
    EXPECT_EQ(shared->size(), 5'000U);
    EXPECT_THROW(throw std::string("unwinding reads tables of the program"), std::string);
  }
}

TEST(StartupPages, MemoryBecomesLess) {
  const MemoryReport report;
  const auto before = report.pss_kib();
  release_startup_pages();
  const auto after = report.pss_kib();
  ASSERT_TRUE(before && after);
  EXPECT_LT(*after, *before);
}

}  // namespace
}  // namespace pavise::device
