// An app that does what it is told in its arguments and prints what came of it: "0" or the number
// of the error. Linked statically, so that an image of it is one file.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "device/apps/compartment/testing/hostile/attacks.h"

namespace pavise::device::hostile {
namespace {

int act(int count, char** words) {
  const std::string_view verb = count > 1 ? words[1] : "nothing";
  const char* const first = count > 2 ? words[2] : "";
  const char* const second = count > 3 ? words[3] : "";
  if (verb == "nothing") return 0;
  if (verb == "exit") ::_exit(number(first));
  if (verb == "abort") std::abort();
  if (verb == "facts") return facts();
  if (verb == "descriptors") return open_descriptors();
  if (verb == "read") return open_it(first, O_RDONLY);
  if (verb == "write") return open_it(first, O_WRONLY | O_CREAT);
  if (verb == "open_writing") return open_it(first, O_WRONLY);
  if (verb == "copy") return copy(first, second);
  if (verb == "run") return run_program(first);
  if (verb == "copy_and_run") {
    const int copied = copy("/app", first);
    return copied != 0 ? copied : run_program(first);
  }
  if (verb == "connect") return connect_to(first, second);
  if (verb == "listen") return listen_on(first);
  if (verb == "executable_memory") return executable_memory();
  if (verb == "fork_without_end") return fork_without_end();
  if (verb == "eat_memory") return eat_memory();
  if (verb == "burn") return burn();
  if (verb == "fill") return fill(first);
  if (verb == "wait") return wait_for_end(true);
  if (verb == "ignore_the_end") return wait_for_end(false);
  if (verb == "beat") return beat(first);
  if (verb == "connect_by_name") return connect_by_name(first, second);
  if (verb == "connect_by_ipv6") return connect_by_ipv6();
  if (verb == "talk") return talk(first, second);
  if (verb == "answer_talk") return answer_talk();
  if (verb == "restart_device") return restart_device(first);
  if (verb == "linger") return linger(first, second);
  if (verb == "leave_orphans") return leave_orphans();
  if (verb == "race") return race(*first == 0 ? -1 : number(first));
  if (verb == "flood_hub") return flood_hub();
  if (verb == "pass_descriptor") return pass_descriptor();
  if (verb == "set_option") return set_option(first, second);
  if (verb == "trace_child") return trace_child();
  if (verb == "say_on_three") return outcome(::write(kLauncher, "hello", 5) - 5);
  if (verb == "try_lines") return try_lines(first, second);
  if (verb == "gpio") return gpio(first, second);
  if (verb == "kill") return outcome(::kill(number(first), 0));
  return forbidden(first);
}

}  // namespace
}  // namespace pavise::device::hostile

int main(int count, char** words) {
  std::printf("%d\n", pavise::device::hostile::act(count, words));
  return 0;
}
