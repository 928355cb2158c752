#include "cloud/hub/rest/query_scan.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "cloud/hub/rest/identity_json.h"
#include "cloud/hub/rest/job_json.h"
#include "common/base/ascii.h"

namespace pavise::hub::rest {

namespace json = boost::json;
using store::HubReader;

namespace {

struct Item {
  std::string job;                             // of devices.jobs
  std::string after;                           // goes on behind this item
  std::string document;                        // what the query looks at
  std::optional<store::TwinRecord> twin = {};  // makes the whole document, unless that is it
};
struct Chunk {
  std::vector<Item> items;
  bool at_end = false;
};

// What a query looks at in a twin. To make, write and read the rest of each would be most of the
// work.
struct View {
  bool head = false;
  store::TwinParts parts{.tags = false, .properties = false, .configurations = false};

  explicit View(const query::Query& query) {
    for (const std::string& member : query.members()) {
      if (equal_folded(member, "tags"))
        parts.tags = true;
      else if (equal_folded(member, "properties"))
        parts.properties = true;
      else if (equal_folded(member, "configurations"))
        parts.configurations = true;
      else
        head = true;
    }
  }
};

// Documents of a collection in the order of their ids.
class Source {
 public:
  Source(const QueryScan& scan, const iothub::HubName& hub, const query::Query& query)
      : scan_(scan),
        hub_(hub),
        collection_(query.collection()),
        whole_rows_(query.selects_all()),
        view_(query) {}

  // The item's row of SELECT *.
  std::string whole(const Item& item) const {
    if (!item.twin) return item.document;
    return twin_document(*item.twin, scan_.connected(item.twin->identity.id));
  }

  Result<Chunk> read(const std::string& job, const std::string& after) {
    Chunk out;
    PAVISE_TRY(scan_.store.read([&](HubReader& reader) -> Status {
      out = {};
      return collection_ == query::Collection::jobs ? read_parts(reader, job, after, out)
                                                    : read_twins(reader, after, out);
    }));
    return out;
  }

 private:
  Status read_twins(HubReader& reader, const std::string& after, Chunk& out) {
    const bool of_modules = collection_ == query::Collection::modules;
    PAVISE_TRY_ASSIGN(auto twins, reader.twins(hub_, of_modules,
                                               {.after = after, .limit = scan_.bounds.store_page},
                                               whole_rows_ ? store::TwinParts() : view_.parts));
    for (store::TwinRecord& twin : twins) {
      const iothub::Identity& id = twin.identity.id;
      const bool connected = view_.head && scan_.connected(id);
      Item& item = out.items.emplace_back(
          Item{{}, id.client_id(), twin_document(twin, connected, view_.head, view_.parts)});
      if (whole_rows_) item.twin = std::move(twin);
    }
    out.at_end = twins.size() < scan_.bounds.store_page;
    return {};
  }

  // Parts of the job that the last page ended in, or of the next one.
  Status read_parts(HubReader& reader, const std::string& job, const std::string& after,
                    Chunk& out) {
    if (!job.empty()) {
      auto record = reader.job(hub_, job);
      if (record) PAVISE_TRY(add_parts(reader, *record, after, out));
      // A job that was deleted meanwhile has no more parts.
      if (!record && !record.error().is(store::kJobNotFound)) return record.error();
    }
    std::string last = job;
    while (out.items.empty()) {
      PAVISE_TRY_ASSIGN(const auto jobs, reader.jobs(hub_, {}, {.after = last, .limit = 1}));
      out.at_end = jobs.empty();
      if (jobs.empty()) return {};
      last = jobs.front().id;
      PAVISE_TRY(add_parts(reader, jobs.front(), {}, out));
    }
    return {};
  }

  Status add_parts(HubReader& reader, const store::JobRecord& job, const std::string& after,
                   Chunk& out) {
    PAVISE_TRY_ASSIGN(const auto parts,
                      reader.device_jobs(hub_, job.id, std::nullopt,
                                         {.after = after, .limit = scan_.bounds.store_page}));
    for (const store::DeviceJobRecord& part : parts)
      out.items.push_back(
          {job.id, part.id.client_id(), json::serialize(device_job_json(part, job.type))});
    return {};
  }

  const QueryScan& scan_;
  const iothub::HubName& hub_;
  query::Collection collection_;
  bool whole_rows_;
  View view_;
};

// Calls `visit` for each document until it returns false; false also from there on.
template <class Visit>
Status for_each(Source& source, std::string job, std::string after, const Visit& visit) {
  for (;;) {
    PAVISE_TRY_ASSIGN(const Chunk chunk, source.read(job, after));
    for (const Item& item : chunk.items) {
      PAVISE_TRY_ASSIGN(const auto document, query::Document::parse(item.document));
      PAVISE_TRY_ASSIGN(const bool go_on, visit(item, document));
      if (!go_on) return {};
    }
    if (chunk.at_end) return {};
    job = chunk.items.back().job;
    after = chunk.items.back().after;
  }
}

Result<QueryPage> select_rows(const QueryScan& scan, Source& source, const query::Query& query,
                              const Continuation& from, std::size_t rows_max) {
  QueryPage page;
  std::size_t looked_at = 0;
  std::size_t bytes = 0;
  const std::int64_t end_ms = scan.clock.steady_ms() + scan.bounds.page_ms;
  Continuation at = from;
  const std::uint64_t wanted = query.top().value_or(UINT64_MAX);
  if (from.given >= wanted) return page;
  PAVISE_TRY(for_each(source, from.job, from.after,
                      [&](const Item& item, const query::Document& document) -> Result<bool> {
                        const bool is_row = query.matches(document);
                        std::string row;
                        if (is_row)
                          row = query.selects_all() ? source.whole(item) : query.row(document);
                        // Behind a full page it goes on to the next row, so that the last page says
                        // that it is.
                        const bool full =
                            page.rows.size() == rows_max ||
                            (!page.rows.empty() && bytes + row.size() > scan.bounds.bytes);
                        const bool spent =
                            looked_at == scan.bounds.documents || scan.clock.steady_ms() >= end_ms;
                        if ((is_row && full) || (spent && looked_at > 0)) {
                          page.next = at;
                          return false;
                        }
                        ++looked_at;
                        at.job = item.job;
                        at.after = item.after;
                        if (!is_row) return true;
                        bytes += row.size();
                        page.rows.push_back(std::move(row));
                        return ++at.given < wanted;
                      }));
  return page;
}

// Computed anew for every page: nothing is kept between calls.
Result<QueryPage> aggregate(const QueryScan& scan, Source& source, const query::Query& query,
                            const Continuation& from, std::size_t rows_max) {
  query::Aggregation aggregation(query);
  const std::int64_t end_ms = scan.clock.steady_ms() + scan.bounds.aggregate_ms;
  PAVISE_TRY(
      for_each(source, {}, {}, [&](const Item&, const query::Document& document) -> Result<bool> {
        if (scan.clock.steady_ms() >= end_ms) return kQueryTooLong;
        if (query.matches(document)) PAVISE_TRY(aggregation.add(document));
        return true;
      }));
  std::vector<std::string> rows = aggregation.rows();
  const std::size_t begin = std::min<std::uint64_t>(from.given, rows.size());
  std::size_t end = begin;
  std::size_t bytes = 0;
  while (end < rows.size() && end - begin < rows_max &&
         (end == begin || bytes + rows[end].size() <= scan.bounds.bytes))
    bytes += rows[end++].size();
  QueryPage page;
  const auto at = [&](std::size_t i) { return rows.begin() + static_cast<std::ptrdiff_t>(i); };
  page.rows.assign(std::move_iterator(at(begin)), std::move_iterator(at(end)));
  if (end < rows.size()) page.next = Continuation{.given = end};
  return page;
}

}  // namespace

Result<QueryPage> run_query(const QueryScan& scan, const iothub::HubName& hub,
                            const query::Query& query, const Continuation& from,
                            std::size_t rows_max) {
  Source source(scan, hub, query);
  return query.aggregates() ? aggregate(scan, source, query, from, rows_max)
                            : select_rows(scan, source, query, from, rows_max);
}

}  // namespace pavise::hub::rest
