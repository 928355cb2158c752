// What hubs do, from two answers of /activity: text for people, and the rates for programs.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace pavise::cli::view {

// The later answer with a member "rates" in each hub: events per second since the earlier one.
boost::json::value with_rates(const boost::json::value& earlier, const boost::json::value& later);
// Of an answer with rates.
std::string hub_top(const boost::json::value& answer, bool colour);

}  // namespace pavise::cli::view
