#include "device/apps/words/connections.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pavise::device {
namespace {

struct Pipe {
  UniqueFd read, write;
};

// O_DIRECT keeps packets apart. Whoever has it may set O_NONBLOCK for itself.
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_DIRECT | O_NONBLOCK) != 0)
    return Error(kNoConnection, std::string("pipe: ") + std::strerror(errno));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<UniqueFd> copy_of(const UniqueFd& descriptor) {
  UniqueFd out(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0));
  if (!out) return Error(kNoConnection, std::strerror(errno));
  return out;
}

bool nobody_writes(const UniqueFd& end) {
  pollfd polled{end.get(), 0, 0};
  return ::poll(&polled, 1, 0) == 1 && (polled.revents & POLLHUP) != 0;
}

}  // namespace

void Connections::forget_closed() {
  std::erase_if(open_, [](Open& open) {
    for (UniqueFd& end : open.ends)
      if (end && nobody_writes(end)) end.reset();
    return !open.ends[0] && !open.ends[1];
  });
}

bool Connections::has_room(std::string_view asking, std::string_view asked) {
  forget_closed();
  const auto has = [](const Open& open, std::string_view app) {
    return open.asking == app || open.asked == app;
  };
  std::size_t of_pair = 0;
  std::size_t of_asking = 0;
  std::size_t of_asked = 0;
  for (const Open& open : open_) {
    of_asking += has(open, asking) ? 1U : 0U;
    of_asked += has(open, asked) ? 1U : 0U;
    of_pair += has(open, asking) && has(open, asked) ? 1U : 0U;
  }
  return of_pair < kConnectionsOfPairMax && of_asking < kConnectionsOfAppMax &&
         of_asked < kConnectionsOfAppMax;
}

Result<Connections::Made> Connections::make(std::string_view asking, std::string_view asked) {
  PAVISE_TRY_ASSIGN(Pipe there, make_pipe());
  PAVISE_TRY_ASSIGN(Pipe back, make_pipe());
  Open open{std::string(asking), std::string(asked), {}};
  PAVISE_TRY_ASSIGN(open.ends[0], copy_of(there.read));
  PAVISE_TRY_ASSIGN(open.ends[1], copy_of(back.read));
  open_.push_back(std::move(open));
  return Made{{std::move(back.read), std::move(there.write)},
              {std::move(there.read), std::move(back.write)}};
}

void Connections::ended(std::string_view app) {
  std::erase_if(open_, [&](const Open& open) { return open.asking == app || open.asked == app; });
}

}  // namespace pavise::device
