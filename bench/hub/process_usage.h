// CPU time and memory of a process.
#pragma once

#include <sys/types.h>

namespace pavise::bench {

double process_cpu_s(pid_t process);  // user and system, all threads
double process_resident_kib(pid_t process);
double own_cpu_s();  // all threads of this process, precise

}  // namespace pavise::bench
