#include "sdk/source/testing/played.h"

#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdarg>

namespace sdk_testing {
namespace {
Played* current = nullptr;
}

Played::Played() {
  EXPECT_EQ(current, nullptr);
  current = this;
}
Played::~Played() {
  current = nullptr;
}

bool is_null_node(int descriptor) {
  struct stat info{};
  return ::fstat(descriptor, &info) == 0 && info.st_rdev == makedev(1, 3);
}

}  // namespace sdk_testing

// The names that the linker's --wrap=ioctl gives them.
extern "C" int real_ioctl(int descriptor, unsigned long request, ...) __asm__("__real_ioctl");
extern "C" int wrapped_ioctl(int descriptor, unsigned long request, ...) __asm__("__wrap_ioctl");
extern "C" int wrapped_ioctl(int descriptor, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if (sdk_testing::current == nullptr || !sdk_testing::current->is_mine(descriptor))
    return real_ioctl(descriptor, request, argument);
  const int answer = sdk_testing::current->answer(request, argument);
  if (answer <= 0) return -answer;
  errno = answer;
  return -1;
}
