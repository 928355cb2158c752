/* Device nodes that the launcher gave the app under the names of its manifest. Not for apps. */
#ifndef PAVISE_INTERNAL_NODE_H
#define PAVISE_INTERNAL_NODE_H

/* Opens /dev/NAME, close-on-exec. -EINVAL: the name is no single word of up to 32 bytes; what
 * open() says: -ENOENT: not granted, or the board has none. */
int node_open(const char* name, int flags);

#endif
