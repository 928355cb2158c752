#include <errno.h>
#include <fcntl.h>
#include <pavise/internal/node.h>
#include <stdio.h>
#include <string.h>

enum { kNameBytesMax = 32 };

int node_open(const char* name, int flags) {
  if (!name || !*name || *name == '.' || strchr(name, '/')) return -EINVAL;
  if (strlen(name) > kNameBytesMax) return -EINVAL;
  char path[kNameBytesMax + sizeof "/dev/"];
  snprintf(path, sizeof path, "/dev/%s", name);
  const int node = open(path, flags | O_CLOEXEC);
  return node < 0 ? -errno : node;
}
