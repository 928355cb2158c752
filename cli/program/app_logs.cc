#include "cli/program/app_logs.h"

#include "cli/view/app_views.h"

namespace pavise::cli {

namespace json = boost::json;

AppLog::Read AppLog::read(Session& session, const AppDevice& device, int connect_s) {
  const auto page = ask(session, device,
                        {.method = "logs",
                         .payload = json::object{{"name", app_}, {"after", after_}},
                         .connect_s = connect_s,
                         .reads_only = true});
  if (!page) return Read::failed;
  const std::uint64_t newest = number_of(*page, "newest");
  if (newest < after_) {
    session.note("the device started anew: its lines count from 1 again\n");
    after_ = 0;
    if (newest > 0) return Read::more;
  }
  const std::uint64_t before = after_;
  if (!print(session, *page)) return Read::enough;
  return after_ > before && after_ < newest ? Read::more : Read::all;
}

// False once it was the last of those that were wanted.
bool AppLog::print(Session& session, const json::value& page) {
  const std::uint64_t oldest = number_of(page, "oldest");
  if (after_ > 0 && oldest > after_ + 1)
    session.note("lines " + std::to_string(after_ + 1) + " to " + std::to_string(oldest - 1) +
                 " are no longer kept\n");
  const json::value* lines = find(page, "lines");
  if (lines == nullptr || !lines->is_array()) return true;
  for (const json::value& line : lines->as_array()) {
    session.print(session.json() ? json::serialize(line) + "\n" : view::app_line(line));
    after_ = std::max(after_, number_of(line, "sequence"));
    if (left_ == 1) return false;
    if (left_ > 0) --left_;
  }
  return true;
}

}  // namespace pavise::cli
