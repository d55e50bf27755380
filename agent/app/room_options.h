// From the configuration to the options of each room.
#pragma once

#include <cstdint>

#include "agent/app/config.h"
#include "agent/app/engine.h"
#include "agent/base/keyed_hash.h"
#include "agent/detect/flood_detector.h"
#include "agent/detect/ignored_mail.h"
#include "agent/detect/judge.h"
#include "agent/mail/batv.h"
#include "agent/mail/message_readers.h"
#include "agent/mail/sent_ledger.h"
#include "agent/report/tally.h"
#include "agent/source/capture_rules.h"

namespace backscatter {

EngineOptions MakeEngineOptions(const Config& config, const HashKey& key);
MessageReadersOptions MakeReadersOptions(const Config& config);
SentLedgerOptions MakeSentOptions(const Config& config, const HashKey& key);
JudgeOptions MakeJudgeOptions(const Config& config, BatvKeys batv_keys, const HashKey& key);
FloodOptions MakeFloodOptions(const Config& config, const HashKey& key);
IgnoredMail MakeIgnoredMail(const Config& config);
TallyOptions MakeTallyOptions(const Config& config, const HashKey& key);
// `local`: the local networks of `config`.
CaptureRules MakeCaptureRules(const Config& config, std::uint32_t seed);

}  // namespace backscatter
