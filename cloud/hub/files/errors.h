// Errors of uploaded files: PV-HFL-nnn. In brackets: what the client of the storage protocol is
// told, or the IoT Hub code.
#pragma once

#include "common/base/result.h"

namespace pavise::hub::files {

inline constexpr ErrorInfo kFilesFailed{"PV-HFL-001", Retry::needs_operator,
                                        "uploaded files cannot be read or written",
                                        "Check the disk and the rights of the files folder."};
// [503 ServerBusy]
inline constexpr ErrorInfo kFilesFull{"PV-HFL-002", Retry::later,
                                      "the disk has no room for uploaded files",
                                      "Free space; files that were confirmed are whole."};
inline constexpr ErrorInfo kFilesCorrupt{"PV-HFL-003", Retry::needs_operator,
                                         "the catalogue of uploaded files is damaged",
                                         "Restore the files folder from the newest backup."};
inline constexpr ErrorInfo kFilesLocked{"PV-HFL-004", Retry::later,
                                        "the files folder is in use by another process",
                                        "Stop the other process."};
inline constexpr ErrorInfo kFilesTooNew{"PV-HFL-005", Retry::needs_operator,
                                        "the files folder was made by a newer version",
                                        "Use the version of Pavise that made it, or newer."};

// [400014]
inline constexpr ErrorInfo kUploadsOff{"PV-HFL-010", Retry::needs_operator,
                                       "file upload is not configured on this hub",
                                       "Turn it on: pavise hub update HUB --file-upload true."};
// [403006]
inline constexpr ErrorInfo kTooManyUploads{"PV-HFL-011", Retry::later,
                                           "10 uploads of the device are under way already",
                                           "Complete them, or wait until they expire."};
// [400015; 403 AuthenticationFailed]
inline constexpr ErrorInfo kUploadNotFound{
    "PV-HFL-012", Retry::never, "the device has no such upload under way", "Begin a new upload."};
// [400016; 403 AuthenticationFailed]
inline constexpr ErrorInfo kUploadExpired{"PV-HFL-013", Retry::never,
                                          "the time of the upload is over", "Begin a new upload."};
// [400019]
inline constexpr ErrorInfo kNothingUploaded{"PV-HFL-014", Retry::never,
                                            "the upload is called a success and sent no file",
                                            "Upload the file first, or report a failure."};
// [400004]
inline constexpr ErrorInfo kBadFileName{"PV-HFL-015", Retry::never,
                                        "the name of the file cannot be used",
                                        "Use 1 to 1024 bytes of UTF-8 without empty or dot parts."};
// [404 BlobNotFound]
inline constexpr ErrorInfo kFileNotFound{"PV-HFL-016", Retry::never, "there is no such file",
                                         "List the files of the hub."};

// [403 AuthenticationFailed]
inline constexpr ErrorInfo kBadUploadToken{"PV-HFL-020", Retry::never,
                                           "the signature does not allow this",
                                           "Use the URL of the upload as it was given."};
// [400 InvalidQueryParameterValue]
inline constexpr ErrorInfo kBadBlockId{"PV-HFL-021", Retry::never,
                                       "the id of a block is not base64 of 1 to 64 bytes",
                                       "Correct the id."};
// [400 InvalidBlockList]
inline constexpr ErrorInfo kBadBlockList{"PV-HFL-022", Retry::never,
                                         "the block list cannot be used",
                                         "Name each block once, and only blocks that were sent."};
// [409 BlockCountExceedsLimit]
inline constexpr ErrorInfo kTooManyBlocks{"PV-HFL-023", Retry::never,
                                          "a file has at most 4096 blocks",
                                          "Send larger blocks, up to 8 MiB."};
// [413 RequestBodyTooLarge]
inline constexpr ErrorInfo kFileTooLarge{
    "PV-HFL-024", Retry::never, "the file exceeds the hub's limit for one file",
    "Send a smaller file, or raise file_upload.file_bytes_max."};
// [409 FileQuotaExceeded]
inline constexpr ErrorInfo kQuotaExceeded{
    "PV-HFL-025", Retry::needs_operator, "the room for files of this device or hub is used up",
    "Delete files that are not needed, or raise the hub's file_upload limits."};
// [409 BlobAlreadyExists]
inline constexpr ErrorInfo kFileExists{"PV-HFL-026", Retry::never,
                                       "a file of that name exists and shall not be replaced",
                                       "Choose another name."};
// [400 Md5Mismatch]
inline constexpr ErrorInfo kDigestMismatch{"PV-HFL-027", Retry::later,
                                           "what came has not the digest that was announced",
                                           "Send it again."};
// [400 UnsupportedHeader, 400 InvalidHeaderValue]
inline constexpr ErrorInfo kBlobCallUnknown{
    "PV-HFL-028", Retry::never, "the hub does not offer this call of the storage protocol",
    "Put block blobs, whole or in blocks; see docs/hub.md."};
// [413 RequestBodyTooLarge]
inline constexpr ErrorInfo kBlockTooLarge{"PV-HFL-029", Retry::never,
                                          "one request carries at most 8 MiB of a file",
                                          "Send the file in blocks."};
// [429004]
inline constexpr ErrorInfo kTooManyContainers{"PV-HFL-030", Retry::later,
                                              "the hub has 10 containers already",
                                              "Delete what is not needed, or wait until one ends."};
// [403 AuthenticationFailed; 400004]
inline constexpr ErrorInfo kContainerNotFound{
    "PV-HFL-031", Retry::never, "there is no such container of this hub, or its time is over",
    "Make one: POST /containers answers its URI."};
// [416 InvalidRange]
inline constexpr ErrorInfo kBadRange{"PV-HFL-032", Retry::never,
                                     "the range lies beyond the end of the file",
                                     "Ask for its size first."};
// [412 ConditionNotMet]
inline constexpr ErrorInfo kConditionNotMet{"PV-HFL-033", Retry::never,
                                            "the file is another one than the one asked for",
                                            "Begin again with its new ETag."};
// [503 ServerBusy]
inline constexpr ErrorInfo kStoreUnreachable{
    "PV-HFL-034", Retry::later, "the object store of uploaded files does not answer",
    "Check that it runs and is reached from here; what was confirmed is there when it is again."};
// [503 ServerBusy]
inline constexpr ErrorInfo kStoreRefused{
    "PV-HFL-035", Retry::needs_operator, "the object store of uploaded files refuses a call",
    "Check its bucket, region, keys and their rights, and the clocks of both machines."};
inline constexpr ErrorInfo kObjectsElsewhere{
    "PV-HFL-036", Retry::needs_operator,
    "the objects of uploaded files lie in another place than the one given",
    "Give the same store as before, or move the objects first; see docs/hub.md."};

}  // namespace pavise::hub::files
