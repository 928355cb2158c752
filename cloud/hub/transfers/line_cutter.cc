#include "cloud/hub/transfers/line_cutter.h"

namespace pavise::hub::transfers {

Result<std::vector<CutLine>> cut_lines(std::string_view window, bool at_file_end,
                                       std::size_t count) {
  std::vector<CutLine> out;
  std::size_t at = 0;
  while (out.size() < count && at < window.size()) {
    const std::size_t newline = window.find('\n', at);
    const bool whole = newline != std::string_view::npos;
    std::string_view text = window.substr(at, whole ? newline - at : std::string_view::npos);
    if (text.size() > kLineSizeMax) return kLineTooLong;
    if (!whole && !at_file_end) break;
    if (text.ends_with('\r')) text.remove_suffix(1);
    at = whole ? newline + 1 : window.size();
    out.push_back({text, at});
  }
  return out;
}

}  // namespace pavise::hub::transfers
