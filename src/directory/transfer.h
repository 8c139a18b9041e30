// Takes built-in accounts from one engine's directory into another's, with their ids, names,
// passwords and quotas. Guarded by the target's version, so others may change it meanwhile; doing
// it again changes nothing. Blocks; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "directory/directory.h"
#include "engine/engine.h"

namespace eilpost::directory {

struct TransferEngines {
  engine::Engine& from;
  engine::Engine& to;
};

// A name for the store that never changes, made of its directory's secret. Code::not_found: it has
// no directory.
Result<std::string> store_identity(engine::Engine& engine);

// Before anything is copied: the target gives no id that the source has given. A target without
// accounts takes over the source's secret.
Result<> reserve_ids(const TransferEngines& engines);

// The account appears in the target, or is brought up to date there. Code::already_exists: its id
// or one of its names is somebody else's.
Result<> copy_account(const TransferEngines& engines, AccountId id);
// Code::already_exists as above; nothing is written.
Result<> check_free(const TransferEngines& engines, AccountId id);
// Whether the target's directory has an account of that id.
Result<bool> has_account(engine::Engine& engine, AccountId id);

}  // namespace eilpost::directory
