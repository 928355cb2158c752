// POST /devices/query: the query language over twins, modules and jobs, page by page.
#include <atomic>
#include <charconv>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/query_scan.h"
#include "cloud/hub/rest/routes.h"

namespace pavise::hub::rest {

namespace {

std::string_view item_type(const query::Query& query) {
  if (!query.selects_all() || query.aggregates()) return "raw";
  return query.collection() == query::Collection::jobs ? "deviceJob" : "twin";
}

}  // namespace

QueryTurn::QueryTurn(Shared& shared) : shared_(shared) {
  granted_ = shared_.queries.fetch_add(1) < kQueriesUnderWayMax;
}
QueryTurn::~QueryTurn() {
  shared_.queries.fetch_sub(1);
}

Result<std::size_t> page_size(const Call& call) {
  const std::string_view text = call.request.header("x-ms-max-item-count");
  if (text.empty()) return kQueryPageDefault;
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc::result_out_of_range) return kQueryPageMax;
  if (error != std::errc{} || end != text.data() + text.size() || out == 0)
    return Error(kBadArgument, "x-ms-max-item-count is a number from 1 to 1000");
  return std::min(out, kQueryPageMax);
}

Result<Continuation> continuation(const Call& call, std::string_view asked) {
  if (!call.request.has_header("x-ms-continuation")) return Continuation{};
  const std::string_view text = call.request.header("x-ms-continuation");
  // The SDKs leave the header out or send it empty on the first page.
  if (text.empty()) return Continuation{};
  return Continuation::parse(text, asked);
}

Response page_of(const std::vector<std::string>& rows, std::string_view type,
                 const std::optional<Continuation>& next, std::string_view asked) {
  Response out{.headers = {{"x-ms-item-type", std::string(type)}}, .body = "["};
  for (const std::string& row : rows) {
    if (out.body.size() > 1) out.body.push_back(',');
    out.body.append(row);
  }
  out.body.push_back(']');
  if (next) out.headers.emplace_back("x-ms-continuation", next->text(asked));
  return out;
}

Result<Response> query_devices(Call& call) {
  PAVISE_TRY_ASSIGN(const auto body, object_of(call.request.body));
  PAVISE_TRY_ASSIGN(const std::string text, text_member(body, "query"));
  if (text.empty()) return Error(kBadBody, "query");
  PAVISE_TRY_ASSIGN(const auto query, query::Query::parse(text));
  PAVISE_TRY_ASSIGN(const std::size_t rows_max, page_size(call));
  const std::string asked = call.hub().text() + "\n" + text;
  PAVISE_TRY_ASSIGN(const Continuation from, continuation(call, asked));
  const QueryTurn turn(call.shared);
  if (!turn.granted()) return kTooManyQueries;
  const QueryScan scan{call.services.queue.store(), call.services.clock, call.services.connected,
                       call.services.query_bounds};
  PAVISE_TRY_ASSIGN(const QueryPage page, run_query(scan, call.hub(), query, from, rows_max));
  return page_of(page.rows, item_type(query), page.next, asked);
}

}  // namespace pavise::hub::rest
