#include "device/memory/startup_pages.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace pavise::device {
namespace {

// Only whole pages of segments that were never writable: what the loader relocated would come back
// from the file as it was before.
int release_object(dl_phdr_info* object, std::size_t, void* page_size) {
  const std::uintptr_t page = *static_cast<const std::uintptr_t*>(page_size);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr + page - 1) & ~(page - 1);
    const std::uintptr_t end =
        (object->dlpi_addr + segment.p_vaddr + segment.p_memsz) & ~(page - 1);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader says numbers
    auto* const start = reinterpret_cast<void*>(begin);
    // The kernel's own object (vdso) refuses, which is well.
    if (begin < end) (void)::madvise(start, end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void release_startup_pages() {
  auto page = static_cast<std::uintptr_t>(::getpagesize());
  ::dl_iterate_phdr(release_object, &page);
  (void)::malloc_trim(0);
}

}  // namespace pavise::device
