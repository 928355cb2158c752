// What the hostile app can be told to do. Each attack gives 0, the number of the error, or another
// number that it explains; some print more, and some never return.
#pragma once

#include <netinet/in.h>

#include <cerrno>
#include <initializer_list>
#include <string_view>

namespace pavise::device::hostile {

inline constexpr int kLauncher = 3;  // descriptors: docs/formats/app-channels.md
inline constexpr int kAgent = 4;

// common.cc: what several of them need
inline int outcome(long result) {
  return result < 0 ? errno : 0;
}
int number(const char* text);
int open_it(const char* path, int flags);
sockaddr_in address_of(const char* host, const char* port);
// One byte over a socket, with at most three descriptors beside it.
int send_descriptors(int over, std::initializer_list<int> descriptors);

// budgets.cc: processes, memory, processor, and the request to end
int fork_without_end();
int eat_memory();
int burn();
int leave_orphans();
int wait_for_end(bool obeys);

// calls.cc: system calls
int trace_child();
int forbidden(std::string_view call);

// channels.cc: the launcher, the agent, other apps
int beat(const char* path);
int pass_descriptor();
int flood_hub();
int talk(const char* peer, const char* stranger);
int answer_talk();
int restart_device(const char* mark);
int linger(const char* host, const char* port);

// files.cc: storage, and code that did not come with the image
int copy(const char* from, const char* to);
int run_program(const char* path);
int executable_memory();
int fill(const char* path);

// hardware.cc: lines
int gpio(std::string_view request, const char* descriptor);
int try_lines(const char* own, const char* other);

// network.cc: hosts, ports, names, options
int connect_to(const char* host, const char* port);
int listen_on(const char* port);
int connect_by_name(const char* name, const char* port);
int connect_by_ipv6();
int set_option(const char* level, const char* name);

// start.cc: what it sees of itself; whether each wall stands from its first instruction on
int facts();
int open_descriptors();
int race(int processes);

}  // namespace pavise::device::hostile
