#include "device/apps/debugging/taken_grants.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

#include "common/base/unique_fd.h"

namespace pavise::device {
namespace {

constexpr std::string_view kFirstWord = "spent ";

Error not_kept(const std::string& path) {
  return {kTakenNotKept, path + ": " + std::strerror(errno)};
}

// Up to `end`, which goes as well.
std::optional<std::string_view> take_word(std::string_view& rest, char end) {
  const std::size_t at = rest.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view word = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return word;
}

// Spellings that are not ours are found by writing all of it again.
std::optional<UnixSeconds> take_seconds(std::string_view& rest, char end) {
  const auto word = take_word(rest, end);
  UnixSeconds out = -1;
  if (!word || word->empty()) return std::nullopt;
  const auto [stop, error] = std::from_chars(word->data(), word->data() + word->size(), out);
  if (error != std::errc() || stop != word->data() + word->size()) return std::nullopt;
  if (out < 0 || out > dev_grant::kGrantTimeMax) return std::nullopt;
  return out;
}

std::optional<TakenGrant> take_grant(std::string_view& rest) {
  const auto word = take_word(rest, ' ');
  const auto component = word ? manifest::ComponentId::parse(*word) : std::nullopt;
  const auto not_before = take_seconds(rest, ' ');
  const auto not_after = take_seconds(rest, ' ');
  const auto seen = take_seconds(rest, '\n');
  if (!component || !not_before || !not_after || !seen) return std::nullopt;
  return TakenGrant{*component, *not_before, *not_after, *seen};
}

bool is_of(const TakenGrant& taken, const dev_grant::Terms& terms) {
  return taken.component == terms.component && taken.not_before == terms.not_before &&
         taken.not_after == terms.not_after;
}

Status sync_folder_of(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  const UniqueFd handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle || ::fsync(handle.get()) != 0) return not_kept(folder);
  return {};
}

}  // namespace

Result<TakenList> parse_taken_list(ByteView content) {
  if (content.size() > kTakenListBytesMax) return Error(kTakenUnreadable, "too long");
  std::string_view rest = as_text(content);
  if (!rest.starts_with(kFirstWord)) return Error(kTakenUnreadable, "its beginning");
  rest.remove_prefix(kFirstWord.size());
  const auto spent_until = take_seconds(rest, '\n');
  if (!spent_until) return Error(kTakenUnreadable, "line 1");
  TakenList out{.spent_until = *spent_until, .grants = {}};
  while (!rest.empty()) {
    const auto grant = take_grant(rest);
    if (!grant || out.grants.size() == kTakenGrantsMax)
      return Error(kTakenUnreadable, "line " + std::to_string(out.grants.size() + 2));
    out.grants.push_back(*grant);
  }
  if (text_of(out) != as_text(content)) return Error(kTakenUnreadable, "its spelling");
  return out;
}

std::string text_of(const TakenList& list) {
  std::string out = std::string(kFirstWord) + std::to_string(list.spent_until) + '\n';
  for (const TakenGrant& grant : list.grants)
    out += grant.component.text() + ' ' + std::to_string(grant.not_before) + ' ' +
           std::to_string(grant.not_after) + ' ' + std::to_string(grant.seen) + '\n';
  return out;
}

Result<TakenGrants> TakenGrants::open(std::string path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && errno == ENOENT) return TakenGrants(std::move(path), {});
  std::string content(kTakenListBytesMax + 1, '\0');
  const ssize_t size = file ? ::read(file.get(), content.data(), content.size()) : -1;
  if (size < 0 && (errno == EIO || errno == EMFILE || errno == ENFILE || errno == ENOMEM))
    return not_kept(path);
  if (size < 0) return Error(kTakenUnreadable, path + ": " + std::strerror(errno));
  content.resize(static_cast<std::size_t>(size));
  PAVISE_TRY_ASSIGN(TakenList list, parse_taken_list(as_bytes(content)));
  return TakenGrants(std::move(path), std::move(list));
}

TakenGrant* TakenGrants::find(const dev_grant::Terms& terms) {
  const auto found = std::ranges::find_if(
      list_.grants, [&terms](const TakenGrant& taken) { return is_of(taken, terms); });
  return found == list_.grants.end() ? nullptr : &*found;
}

Result<UnixSeconds> TakenGrants::take(const dev_grant::Terms& terms, UnixSeconds now_s) {
  const TakenList before = list_;
  TakenGrant* taken = find(terms);
  if (taken == nullptr) {
    if (list_.grants.size() == kTakenGrantsMax) {
      const auto first = std::ranges::min_element(list_.grants, {}, &TakenGrant::not_after);
      list_.spent_until = std::max(list_.spent_until, first->not_after);
      list_.grants.erase(first);
    }
    taken = &list_.grants.emplace_back(
        TakenGrant{terms.component, terms.not_before, terms.not_after, 0});
    if (terms.not_after <= list_.spent_until) {
      list_ = before;
      return kGrantSpent;
    }
  }
  taken->seen = std::max(taken->seen, now_s);
  const UnixSeconds seen = taken->seen;
  if (seen >= terms.not_after) return kGrantSpent;
  if (const Status kept = write(); !kept) {
    list_ = before;
    return kept.error();
  }
  return seen;
}

Status TakenGrants::see(const dev_grant::Terms& terms, UnixSeconds now_s) {
  if (find(terms) == nullptr) return {};
  for (TakenGrant& taken : list_.grants)
    if (taken.component == terms.component)
      taken.seen = std::max(taken.seen, std::min(now_s, taken.not_after));
  return write();
}

Status TakenGrants::write() const {
  const std::string content = text_of(list_);
  const std::string fresh = path_ + ".new";
  const UniqueFd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file ||
      ::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()))
    return not_kept(fresh);
  if (::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path_.c_str()) != 0)
    return not_kept(path_);
  return sync_folder_of(path_);
}

}  // namespace pavise::device
