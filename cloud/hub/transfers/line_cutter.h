// Cuts a file of lines, of which a window is at hand, into the next lines.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "cloud/hub/transfers/errors.h"

namespace pavise::hub::transfers {

inline constexpr std::size_t kLineSizeMax = 256UL * 1024;

struct CutLine {
  std::string_view text;  // without its end and a carriage return before it; may be empty
  std::size_t end = 0;    // offset in the window of what follows
};

// At most `count` whole lines. The last line of the file needs no end. Nothing: the window must be
// longer. kLineTooLong, which a window of more than kLineSizeMax bytes finds out.
Result<std::vector<CutLine>> cut_lines(std::string_view window, bool at_file_end,
                                       std::size_t count);

}  // namespace pavise::hub::transfers
