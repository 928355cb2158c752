#include "device/apps/packages/content_inspection.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "common/sandbox/sandbox.h"

namespace pavise::device {
namespace {

constexpr std::size_t kAnswerBytesMax = 512;
constexpr std::string_view kGood = "good";

Status inspect(const image::Package& package, ByteView file) {
  const image::Header& header = package.header();
  image::ContentVerifier verifier(header);
  PAVISE_TRY(verifier.feed(file.subspan(header.tree_offset())));
  PAVISE_TRY(verifier.finish());
  return image::inspect_content(file.subspan(header.content_offset()),
                                package.manifest().entry_point);
}

[[noreturn]] void answer(int to, std::string_view text) {
  (void)!::write(to, text.data(), std::min(text.size(), kAnswerBytesMax));
  ::_exit(0);
}

[[noreturn]] void live(const PackageFile& package, uid_t user, int to) {
  const std::uint64_t size = package.package.header().package_bytes();
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, package.file.get(), 0);
  if (mapped == MAP_FAILED) answer(to, std::string("map: ") + std::strerror(errno));
  // The answer is all that it can write to.
  if (::dup2(to, STDIN_FILENO) != STDIN_FILENO || ::close_range(1, ~0U, 0) != 0) ::_exit(1);
  sandbox::SandboxPolicy policy{.name = "package inspection"};
  policy.run_as = sandbox::RunAs{user, user};
  if (const Status confined = sandbox::apply(policy); !confined)
    answer(STDIN_FILENO, confined.error().message());
  const Status looked = inspect(package.package, {static_cast<const std::byte*>(mapped), size});
  answer(STDIN_FILENO, looked ? std::string(kGood) : looked.error().message());
}

}  // namespace

Status inspect_content_apart(const PackageFile& package, uid_t user) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error(kContentRefused, std::strerror(errno));
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return Error(kContentRefused, std::strerror(errno));
  if (child == 0) live(package, user, theirs.get());
  theirs.reset();
  std::array<char, kAnswerBytesMax> text{};
  std::string said;
  for (ssize_t size = 0; (size = ::read(ours.get(), text.data(), text.size())) != 0;) {
    if (size < 0 && errno != EINTR) break;
    if (size > 0) said.append(text.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status))
    return Error(kContentRefused,
                 "its reader was ended by signal " + std::to_string(WTERMSIG(status)));
  if (said != kGood) return Error(kContentRefused, said.empty() ? "no answer" : said);
  return {};
}

}  // namespace pavise::device
