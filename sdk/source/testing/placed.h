// Puts a descriptor at the number where an app has it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <pavise/pavise.hpp>

namespace sdk_testing {

// Taken before a test begins, so that nothing of its own has these numbers.
inline const bool kNumbersTaken = [] {
  for (int number = 3; number <= 4; ++number)
    if (::fcntl(number, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR | O_CLOEXEC);
  return true;
}();

// Puts back what was there before.
class Placed {
 public:
  Placed(int number, pavise::Descriptor descriptor)
      : number_(number), before_(::fcntl(number, F_DUPFD_CLOEXEC, 5)) {
    ::dup2(descriptor.get(), number);
  }
  Placed(const Placed&) = delete;
  Placed& operator=(const Placed&) = delete;
  ~Placed() { ::dup2(before_.get(), number_); }

 private:
  int number_;
  pavise::Descriptor before_;
};

}  // namespace sdk_testing
