// Programs of the device do most of what they ever do in their first second; then they wait.
#pragma once

namespace pavise::device {

// Unmaps the pages of code and constants that are in memory and returns free heap to the kernel.
// What is used again comes back from the page cache, or from the verified root, by a page fault.
// Writable segments stay as they are, relocated ones among them. Never fails; thread-safe.
void release_startup_pages();

}  // namespace pavise::device
