// LMTP (RFC 2033): mail comes in from a relay on a Unix socket or a loopback port, and each
// recipient gets an answer of its own, 250 only when its copy is durable. Return-Path is put in
// front of what was received; nothing else is added or changed. A message streams to the disk, so
// that a session costs a few hundred KiB whatever the size. Runs on the connection's executor.
#pragma once

#include "net/stream.h"
#include "net/task.h"
#include "server/world.h"

namespace eilpost::server {

// The handler of an LMTP listener. The listener itself decides who may connect: LMTP knows no
// login.
net::Task<> lmtp_session(ServerWorld& world, ListenerPolicy policy, net::Stream stream);

}  // namespace eilpost::server
