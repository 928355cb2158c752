#include "cloud/hub/files/blob_requests.h"

#include <charconv>
#include <ctime>

#include "cloud/hub/files/blob_answers.h"
#include "common/crypto/crypto.h"
#include "protocol/iothub/percent.h"

namespace pavise::hub::files {
namespace {

constexpr std::string_view kServiceVersion = "2020-04-08";
constexpr std::size_t kEchoedIdMax = 128;
constexpr std::size_t kLoggedPathMax = 200;
// What the ids of blocks that are pieces of a whole file begin with: a multiple of 3 bytes, so that
// base64 keeps it apart.
constexpr std::string_view kPieceBlocks = "pavise-piece";
static_assert(kPieceBlocks.size() % 3 == 0);

struct BlobError {
  const ErrorInfo* info;
  int status;
  std::string_view code;  // as the Blob service names it
};
constexpr BlobError kErrors[] = {
    {&kBadUploadToken, 403, "AuthenticationFailed"},
    {&kUploadExpired, 403, "AuthenticationFailed"},
    {&kUploadNotFound, 403, "AuthenticationFailed"},
    {&kUploadsOff, 403, "AuthenticationFailed"},
    {&kBadBlockId, 400, "InvalidQueryParameterValue"},
    {&kBadBlockList, 400, "InvalidBlockList"},
    {&kTooManyBlocks, 409, "BlockCountExceedsLimit"},
    {&kFileTooLarge, 413, "RequestBodyTooLarge"},
    {&kBlockTooLarge, 413, "RequestBodyTooLarge"},
    {&kQuotaExceeded, 409, "FileQuotaExceeded"},
    {&kFileExists, 409, "BlobAlreadyExists"},
    {&kFileNotFound, 404, "BlobNotFound"},
    {&kContainerNotFound, 403, "AuthenticationFailed"},
    {&kBadFileName, 400, "InvalidUri"},
    {&kTooManyUploads, 409, "TooManyFilesUnderWay"},
    {&kBadRange, 416, "InvalidRange"},
    {&kConditionNotMet, 412, "ConditionNotMet"},
    {&kDigestMismatch, 400, "Md5Mismatch"},
    {&kBlobCallUnknown, 400, "UnsupportedHeader"},
    {&kFilesFull, 503, "ServerBusy"},
    {&kStoreUnreachable, 503, "ServerBusy"},
    {&kStoreRefused, 503, "ServerBusy"},
};

std::string new_request_id() {
  Bytes random(16);
  (void)crypto::random_fill(random).has_value();  // it only has to be told from others
  return to_hex(random);
}

HttpResponse created(const HttpRequest& request) {
  HttpResponse out = blob_answer(request, 201);
  out.headers.emplace_back("x-ms-request-server-encrypted", "false");
  return out;
}

HttpResponse created(const HttpRequest& request, const StoredFile& file) {
  HttpResponse out = created(request);
  out.headers.emplace_back("etag", '"' + file.etag + '"');
  out.headers.emplace_back("last-modified", http_date(file.modified_ms));
  return out;
}

Status check_digest(const HttpRequest& request) {
  // Nobody is left to believe that something was checked.
  if (request.has_header("x-ms-content-crc64"))
    return Error(kBlobCallUnknown, "x-ms-content-crc64");
  if (!request.has_header("content-md5")) return {};
  if (request.piece) return Error(kBlobCallUnknown, "content-md5 of a body in pieces");
  const auto given = from_base64(request.header("content-md5"));
  if (!given || !equal(*given, crypto::md5(as_bytes(request.body)))) return kDigestMismatch;
  return {};
}

// The only condition that clients set on an upload: not to replace a file.
Result<bool> only_new(const HttpRequest& request) {
  for (const std::string_view name :
       {"if-match", "if-modified-since", "if-unmodified-since", "x-ms-if-tags", "x-ms-lease-id",
        "x-ms-encryption-key", "x-ms-copy-source"})
    if (request.has_header(name)) return Error(kBlobCallUnknown, std::string(name));
  if (!request.has_header("if-none-match")) return false;
  if (request.header("if-none-match") != "*") return Error(kBlobCallUnknown, "if-none-match");
  return true;
}

std::string_view content_type_of(const HttpRequest& request) {
  return request.has_header("x-ms-blob-content-type") ? request.header("x-ms-blob-content-type")
                                                      : "application/octet-stream";
}

template <class T>
Status outcome_of(const Result<T>& result) {
  return result ? Status() : Status(result.error());
}

bool starts_with_container(std::string_view path) {
  return path.size() > kContainer.size() + 2 && path.front() == '/' &&
         path.substr(1).starts_with(kContainer) && path[kContainer.size() + 1] == '/';
}

}  // namespace

std::string http_date(UnixMillis ms) {
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  char text[64];
  if (::gmtime_r(&seconds, &parts) == nullptr) return {};
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

std::optional<std::string> url_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    auto value = iothub::percent_decode(pair.substr(equals + 1));
    if (value) return *std::move(value);
  }
  return std::nullopt;
}

HttpResponse blob_answer(const HttpRequest& request, int status) {
  HttpResponse out{.status = status,
                   .headers = {{"x-ms-version", std::string(kServiceVersion)},
                               {"x-ms-request-id", new_request_id()}},
                   .body = {},
                   .content_type = "application/xml"};
  const std::string_view id = request.header("x-ms-client-request-id");
  if (!id.empty() && id.size() <= kEchoedIdMax)
    out.headers.emplace_back("x-ms-client-request-id", id);
  return out;
}

bool BlobRequests::is_mine(std::string_view path) {
  return starts_with_container(path) || path.starts_with(kContainersPath);
}

std::string container_path(std::string_view id) {
  return std::string(kContainersPath) + std::string(id);
}

std::optional<std::string> container_of_path(std::string_view path) {
  if (!path.starts_with(kContainersPath)) return std::nullopt;
  path.remove_prefix(kContainersPath.size());
  return std::string(path.substr(0, path.find('/')));
}

// One client encodes the name that it was told, another takes it as it is.
Result<UploadGrant> BlobRequests::granted(std::string_view path, std::string_view query) const {
  const auto once = iothub::percent_decode(path.substr(kContainer.size() + 2));
  if (!once) return Error(kBadUploadToken, "the path is not percent-encoded");
  auto grant = tokens_.check(*once, query, clock_.now_ms());
  if (grant || !grant.error().is(kBadUploadToken)) return grant;
  const auto twice = iothub::percent_decode(*once);
  if (!twice || *twice == *once) return grant;
  return tokens_.check(*twice, query, clock_.now_ms());
}

HttpHeadVerdict BlobRequests::judge(const HttpHead& head) const {
  const auto container = container_of_path(head.path);
  std::string owner;
  Status let_in;
  if (container) {
    owner = *container;
    let_in = outcome_of(tokens_.check_container(*container, head.query, clock_.now_ms()));
  } else {
    const auto grant = granted(head.path, head.query);
    if (grant) owner = grant->upload_id.substr(0, kUploaderMarkSize);
    let_in = outcome_of(grant);
  }
  if (!let_in) return {.refusal = refusal(let_in.error(), head.path, {}, {})};
  if (url_parameter(head.query, "comp"))
    return {.owner = std::move(owner), .body_bytes_max = kPartSizeMax, .piece_bytes = kPartSizeMax};
  return {.owner = std::move(owner),
          .body_bytes_max = std::uint64_t{kBlocksMax} * kPutPieceSize,
          .piece_bytes = kPutPieceSize};
}

HttpResponse BlobRequests::refusal(const Error& error, std::string_view call, std::string_view peer,
                                   const Refused& refused) const {
  int status = 500;
  std::string_view code = "InternalError";
  for (const BlobError& row : kErrors) {
    if (!error.is(*row.info)) continue;
    status = row.status;
    code = row.code;
  }
  const std::string id = new_request_id();
  if (refused)
    refused(call.substr(0, kLoggedPathMax), id, error, status == 403 ? peer : std::string_view());
  // The reasons of a 403 are for the log. Texts of ours hold nothing that XML would take for its
  // own.
  const std::string_view text = status == 403   ? "The signature does not allow this."
                                : status == 500 ? "The hub could not do this."
                                                : error.info().what;
  std::string body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>";
  body.append(code).append("</Code><Message>").append(text);
  body.append("\nRequestId:").append(id).append("</Message></Error>");
  return {.status = status,
          .headers = {{"x-ms-error-code", std::string(code)},
                      {"x-ms-request-id", id},
                      {"x-ms-version", std::string(kServiceVersion)}},
          .body = std::move(body),
          .content_type = "application/xml"};
}

HttpResponse BlobRequests::handle(const HttpRequest& request, const Refused& refused) const {
  auto response = serve(request);
  if (response) return *std::move(response);
  return refusal(response.error(), request.method + " " + request.path, request.peer, refused);
}

Result<HttpResponse> BlobRequests::serve(const HttpRequest& request) const {
  if (request.path.starts_with(kContainersPath)) return serve_container(request);
  PAVISE_TRY_ASSIGN(const UploadGrant grant, granted(request.path, request.query));
  PAVISE_TRY_ASSIGN(const Upload upload, store_.upload(grant.upload_id));
  PAVISE_TRY_ASSIGN(const FileLimits limits, admit_(upload.about));
  return put_part(request, upload, limits);
}

// A part of a file or all of it, by a sender who may.
Result<HttpResponse> BlobRequests::put_part(const HttpRequest& request, const Upload& upload,
                                            const FileLimits& limits) const {
  if (request.method != "PUT") return Error(kBlobCallUnknown, request.method);
  const auto part = url_parameter(request.query, "comp");
  PAVISE_TRY(check_digest(request));
  if (part == "block") {
    PAVISE_TRY(store_.put_block(upload.id, url_parameter(request.query, "blockid").value_or(""),
                                as_bytes(request.body), limits));
    return created(request);
  }
  if (part == "blocklist") {
    PAVISE_TRY_ASSIGN(const bool fresh, only_new(request));
    PAVISE_TRY_ASSIGN(const auto blocks, parse_block_list(request.body));
    PAVISE_TRY_ASSIGN(const StoredFile file,
                      store_.commit(upload.id, blocks, content_type_of(request), fresh, limits));
    return created(request, file);
  }
  if (part) return Error(kBlobCallUnknown, "comp");
  return put_whole(request, upload, limits);
}

Result<HttpResponse> BlobRequests::put_whole(const HttpRequest& request, const Upload& upload,
                                             const FileLimits& limits) const {
  PAVISE_TRY_ASSIGN(const bool fresh, only_new(request));
  if (request.header("x-ms-blob-type") != "BlockBlob")
    return Error(kBlobCallUnknown, "x-ms-blob-type is not BlockBlob");
  if (request.piece) return put_piece(request, *request.piece, upload, limits, fresh);
  PAVISE_TRY_ASSIGN(const StoredFile file, store_.put(upload.id, as_bytes(request.body),
                                                      content_type_of(request), fresh, limits));
  return created(request, file);
}

// The pieces are blocks of ours. An attempt begins by dropping what earlier ones left, and two at
// once cannot mix: each has blocks of its own.
Result<HttpResponse> BlobRequests::put_piece(const HttpRequest& request, const HttpPiece& piece,
                                             const Upload& upload, const FileLimits& limits,
                                             bool only_new) const {
  if (piece.total > limits.file_bytes_max) return kFileTooLarge;
  std::string stream = piece.stream;  // "{random}-{pieces so far}"
  if (piece.offset == 0) {
    PAVISE_TRY(store_.drop_blocks(upload.id, to_base64(as_bytes(kPieceBlocks))));
    stream = new_request_id() + "-0";
  }
  const std::size_t dash = stream.find('-');
  const std::string key = stream.substr(0, dash);
  std::size_t count = 0;
  std::from_chars(stream.data() + dash + 1, stream.data() + stream.size(), count);
  const auto id_of = [&key](std::size_t number) {
    return to_base64(as_bytes(std::string(kPieceBlocks) + key + std::to_string(number)));
  };
  PAVISE_TRY(store_.put_block(upload.id, id_of(count++), as_bytes(request.body), limits));
  if (piece.offset + request.body.size() < piece.total)
    return HttpResponse{
        .status = 100,
        .headers = {{std::string(kHttpPieceStream), key + "-" + std::to_string(count)}},
        .body = {}};
  std::vector<BlockName> blocks;
  blocks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) blocks.push_back({BlockFrom::uncommitted, id_of(i)});
  PAVISE_TRY_ASSIGN(const StoredFile file,
                    store_.commit(upload.id, blocks, content_type_of(request), only_new, limits));
  return created(request, file);
}

std::string blob_name_for_url(std::string_view device, std::string_view name) {
  std::string out;
  for (const std::string_view part : {device, std::string_view("/"), name})
    for (const char c : part) {
      if (c == '%' || c == '?' || c == '#')
        out.append(iothub::percent_encode(std::string_view(&c, 1)));
      else
        out.push_back(c);
    }
  return out;
}

std::string blob_path(std::string_view device, std::string_view name) {
  std::string out = "/" + std::string(kContainer) + "/" + iothub::percent_encode(device);
  while (true) {
    const std::size_t end = name.find('/');
    out.append("/").append(iothub::percent_encode(name.substr(0, end)));
    if (end == std::string_view::npos) return out;
    name.remove_prefix(end + 1);
  }
}

}  // namespace pavise::hub::files
