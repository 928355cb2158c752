/* The first process of the machine that bench/apps/in_guest makes: mounts what a program expects,
 * runs bench_apps, and switches the machine off. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void raise_loopback(void) {
  struct ifreq request = {.ifr_flags = IFF_UP};
  strcpy(request.ifr_name, "lo");
  const int control = socket(AF_INET, SOCK_DGRAM, 0);
  if (control < 0 || ioctl(control, SIOCSIFFLAGS, &request) != 0) perror("lo");
  close(control);
}

int main(void) {
  if (mount("proc", "/proc", "proc", 0, "") != 0 || mount("sys", "/sys", "sysfs", 0, "") != 0 ||
      mount("tmp", "/tmp", "tmpfs", 0, "") != 0)
    perror("mount");
  raise_loopback();
  const pid_t bench = fork();
  if (bench == 0) {
    execl("/bench_apps", "bench_apps", (char*)NULL);
    perror("bench_apps");
    _exit(127);
  }
  int status = 0;
  waitpid(bench, &status, 0);
  printf("bench ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  return 1;
}
