// Calls of the Blob service on the files of a container.
#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "cloud/hub/files/blob_answers.h"
#include "cloud/hub/files/blob_requests.h"
#include "protocol/iothub/percent.h"

namespace pavise::hub::files {
namespace {

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // behind its last byte
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// "bytes=a-b" or "bytes=a-"; nullopt: the whole file is wanted.
Result<std::optional<Range>> range_of(const HttpRequest& request, std::uint64_t size) {
  const std::string_view name = request.has_header("x-ms-range") ? "x-ms-range" : "range";
  if (!request.has_header(name)) return std::optional<Range>();
  std::string_view text = request.header(name);
  constexpr std::string_view kUnit = "bytes=";
  const std::size_t dash = text.find('-');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos)
    return Error(kBlobCallUnknown, std::string(name));
  const auto begin = number(text.substr(kUnit.size(), dash - kUnit.size()));
  const std::string_view last_text = text.substr(dash + 1);
  const auto last = last_text.empty() ? std::optional(UINT64_MAX - 1) : number(last_text);
  if (!begin || !last || *last < *begin) return Error(kBlobCallUnknown, std::string(name));
  if (*begin >= size) return kBadRange;
  return std::optional(Range{*begin, std::min(*last, size - 1) + 1});
}

Status check_conditions(const HttpRequest& request, const StoredFile& file) {
  for (const std::string_view name : {"if-none-match", "if-modified-since", "if-unmodified-since",
                                      "x-ms-if-tags", "x-ms-lease-id", "x-ms-encryption-key",
                                      "x-ms-range-get-content-md5", "x-ms-range-get-content-crc64"})
    if (request.has_header(name)) return Error(kBlobCallUnknown, std::string(name));
  if (!request.has_header("if-match")) return {};
  const std::string_view wanted = request.header("if-match");
  if (wanted == "*" || wanted == '"' + file.etag + '"') return {};
  return kConditionNotMet;
}

// A call that says more than a name: snapshots, versions, containers as such, metadata and so on.
bool is_plain(std::string_view query) {
  return std::ranges::none_of(
      std::initializer_list<std::string_view>{"comp", "restype", "snapshot", "versionid"},
      [&](std::string_view name) { return url_parameter(query, name).has_value(); });
}

}  // namespace

Result<HttpResponse> BlobRequests::serve_container(const HttpRequest& request) const {
  const std::string id = container_of_path(request.path).value_or("");
  PAVISE_TRY(tokens_.check_container(id, request.query, clock_.now_ms()));
  PAVISE_TRY_ASSIGN(const Container container, store_.container(id));
  PAVISE_TRY(admit_container_(container));
  const std::size_t head = kContainersPath.size() + id.size() + 1;
  const auto name = iothub::percent_decode(head < request.path.size()
                                               ? std::string_view(request.path).substr(head)
                                               : std::string_view());
  if (!name) return kBadFileName;
  PAVISE_TRY(check_file_name(*name));
  if (request.method == "PUT") {
    PAVISE_TRY_ASSIGN(const Upload upload, store_.container_upload(id, *name));
    PAVISE_TRY_ASSIGN(HttpResponse response, put_part(request, upload, kContainerLimits));
    // What was written is the file now: its blocks are free for the next one of that name.
    const bool done = std::ranges::any_of(
        response.headers, [](const auto& header) { return header.first == "etag"; });
    if (done) PAVISE_TRY(store_.end_upload(upload.id));
    return response;
  }
  if (!is_plain(request.query)) return Error(kBlobCallUnknown, request.method);
  if (request.method == "GET" || request.method == "HEAD") return get(request, container, *name);
  if (request.method != "DELETE") return Error(kBlobCallUnknown, request.method);
  PAVISE_TRY(store_.remove(container.files_hub(), kContainerDevice, *name));
  return blob_answer(request, 202);
}

Result<HttpResponse> BlobRequests::get(const HttpRequest& request, const Container& container,
                                       const std::string& name) const {
  PAVISE_TRY_ASSIGN(const StoredFile file,
                    store_.file(container.files_hub(), kContainerDevice, name));
  PAVISE_TRY(check_conditions(request, file));
  if (request.rest && request.rest->stream != file.etag) return kConditionNotMet;
  PAVISE_TRY_ASSIGN(const auto range, range_of(request, file.size_bytes));
  const Range all = range.value_or(Range{0, file.size_bytes});
  HttpResponse out = blob_answer(request, range ? 206 : 200);
  out.headers.insert(out.headers.end(), {{"etag", '"' + file.etag + '"'},
                                         {"last-modified", http_date(file.modified_ms)},
                                         {"x-ms-blob-type", "BlockBlob"},
                                         {"accept-ranges", "bytes"}});
  if (range)
    out.headers.emplace_back("content-range", "bytes " + std::to_string(all.begin) + "-" +
                                                  std::to_string(all.end - 1) + "/" +
                                                  std::to_string(file.size_bytes));
  out.content_type = file.content_type;
  const std::uint64_t total = all.end - all.begin;
  if (request.method == "HEAD") {
    out.rest = HttpRest{total, total, {}};
    return out;
  }
  const std::uint64_t at = request.rest ? request.rest->next : 0;
  const std::size_t size = std::min<std::uint64_t>(kGetPieceSize, total - std::min(at, total));
  PAVISE_TRY_ASSIGN(const Bytes bytes, store_.read(container.files_hub(), kContainerDevice, file,
                                                   all.begin + at, size));
  if (bytes.size() != size) return Error(kFilesCorrupt, "a file is shorter than its parts");
  out.body = std::string(as_text(bytes));
  if (request.rest || size < total) out.rest = HttpRest{total, at + size, file.etag};
  return out;
}

}  // namespace pavise::hub::files
