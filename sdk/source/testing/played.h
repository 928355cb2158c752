// Something behind a descriptor that the test plays: the linker sends the library's ioctl() here.
#pragma once

namespace sdk_testing {

class Played {
 public:
  Played();  // one at a time
  Played(const Played&) = delete;
  Played& operator=(const Played&) = delete;
  virtual ~Played();

  virtual bool is_mine(int descriptor) const = 0;
  // A number of errno, or minus what ioctl() returns.
  virtual int answer(unsigned long request, void* argument) = 0;
};

// True for what was opened as /dev/null, the node that tests have under a name.
bool is_null_node(int descriptor);

}  // namespace sdk_testing
