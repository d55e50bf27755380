// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// Lines in a window of payload: one pass, eight bytes a step.
#pragma once

#include "bpf/lib/maps.h"

enum bs_look {
  BS_LOOK_COMMANDS,  // MAIL, AUTH, DATA, BDAT; stops behind a line of the latter two
  BS_LOOK_BLANK,     // stops behind the first empty line
  BS_LOOK_DOT,       // stops at the first line that is a lone dot, behind CRLF or LF
  BS_LOOK_LAST,      // only where the last line begins
};

enum bs_mail { BS_MAIL_NONE, BS_MAIL_ORDINARY, BS_MAIL_REPORT };

enum bs_asks { BS_ASKS_NOTHING, BS_ASKS_BODY, BS_ASKS_CHUNK };

BS_INLINE __u8 bs_byte(const struct bs_window* window, __u32 at) {
  return window->bytes[at & (BS_WINDOW - 1)];
}

// Four letters in lower case as one word. `at` is masked, so what lies behind `end` may be read:
// old bytes of the window, which complete no line since a line's end is looked for first.
BS_INLINE __u32 bs_word(const struct bs_window* window, __u32 at) {
  return BS_WORD32(window->bytes + (at & (BS_WINDOW - 1))) | 0x20202020U;
}
#define BS_WORD(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

BS_INLINE int bs_is_blank(__u8 c) { return c == ' ' || c == '\t'; }
BS_INLINE int bs_is_space(__u8 c) { return bs_is_blank(c) || c == '\r' || c == '\n'; }

// Whether a daemon's local part begins at `at`: the longest configured word that it begins with,
// and behind that its end, a digit, or a separator.
BS_INLINE int bs_is_daemon(const struct bs_window* window, __u32 at) {
  struct bs_daemon key;
  key.bits = BS_DAEMON_BYTES * 8;
  at &= BS_WINDOW - 1;
  for (int i = 0; i < BS_DAEMON_BYTES; i += 4) {
    *(__u32*)(key.word + i) = BS_WORD32(window->bytes + at + i) | 0x20202020U;
  }
  const __u32* length = bpf_map_lookup_elem(&bs_daemons, &key);
  if (!length) return 0;
  const __u8 next = bs_byte(window, at + (*length & (2 * BS_DAEMON_BYTES - 1)));
  return next == '@' || next == '>' || (next >= '0' && next <= '9') || next == '-' || next == '+' ||
         next == '=' || next == '_' || next == '.';
}

// `at`: behind MAIL. Rarer spellings of a null sender count as ordinary mail here.
BS_INLINE __u8 bs_mail_of(const struct bs_window* window, __u32 at) {
  if (bs_word(window, at) != BS_WORD(' ', 'f', 'r', 'o') ||
      (bs_byte(window, at + 4) | 0x20) != 'm' || bs_byte(window, at + 5) != ':') {
    return BS_MAIL_ORDINARY;
  }
  at += 6;
  for (int i = 0; i < 4 && bs_is_blank(bs_byte(window, at)); i++) at++;
  if (bs_byte(window, at) != '<') return BS_MAIL_ORDINARY;
  at++;
  for (int i = 0; i < 4 && bs_is_blank(bs_byte(window, at)); i++) at++;
  if (bs_byte(window, at) == '>') return BS_MAIL_REPORT;
  return bs_is_daemon(window, at) ? BS_MAIL_REPORT : BS_MAIL_ORDINARY;
}

// `at`: behind BDAT, `end`: of the line. A size that is none counts as 0: the server refuses it.
BS_INLINE __u32 bs_bdat_size(const struct bs_window* window, __u32 at) {
  __u64 size = 0;
  for (int i = 0; i < 4 && bs_is_blank(bs_byte(window, at)); i++) at++;
  for (int i = 0; i < 10; i++) {
    const __u8 c = bs_byte(window, at + i);
    if (c < '0' || c > '9') break;
    size = size * 10 + (c - '0');
  }
  return size > 0x7fffffff ? 0x7fffffff : (__u32)size;
}

// A line begins at `at`. 1: stop.
BS_INLINE int bs_on_line(struct bs_window* window, __u32 at, const enum bs_look look) {
  struct bs_scan* scan = &window->scan;
  if (look == BS_LOOK_COMMANDS) {
    if (scan->asks != BS_ASKS_NOTHING) {  // the line before did: here its octets begin
      scan->found = at;
      return 1;
    }
    if (at + 4 > scan->end) return 0;
    const __u32 word = bs_word(window, at);
    if (word == BS_WORD('m', 'a', 'i', 'l')) scan->mail = bs_mail_of(window, at + 4);
    if (word == BS_WORD('a', 'u', 't', 'h')) scan->auth = 1;
    scan->starttls = word == BS_WORD('s', 't', 'a', 'r') &&
                     bs_word(window, at + 4) == BS_WORD('t', 't', 'l', 's');
    if (word == BS_WORD('d', 'a', 't', 'a') && bs_is_space(bs_byte(window, at + 4))) {
      scan->asks = BS_ASKS_BODY;
    }
    if (word == BS_WORD('b', 'd', 'a', 't')) {
      scan->asks = BS_ASKS_CHUNK;
      scan->chunk = bs_bdat_size(window, at + 4);
    }
  } else if (look == BS_LOOK_BLANK) {
    const __u8 first = bs_byte(window, at);
    if (first == '\n' && at < scan->end) {
      scan->found = at + 1;
      return 1;
    }
    if (first == '\r' && bs_byte(window, at + 1) == '\n' && at + 1 < scan->end) {
      scan->found = at + 2;
      return 1;
    }
  } else if (look == BS_LOOK_DOT) {
    if (bs_byte(window, at) == '.' && bs_byte(window, at + 1) == '\r' &&
        bs_byte(window, at + 2) == '\n' && at + 2 < scan->end) {
      scan->found = at;
      return 1;
    }
  }
  return 0;
}

// One step: to behind the next LF, or eight bytes on.
BS_INLINE long bs_scan_step(struct bs_window* window, const enum bs_look look) {
  struct bs_scan* scan = &window->scan;
  __u32 at = scan->at;
  if (at >= scan->end) return 1;
  at &= BS_WINDOW - 1;
  // The lowest byte that is a LF (exact for the lowest one, which is all that is used).
  const __u64 differs = BS_WORD64(window->bytes + at) ^ 0x0a0a0a0a0a0a0a0aULL;
  const __u64 zero = (differs - 0x0101010101010101ULL) & ~differs & 0x8080808080808080ULL;
  if (!zero) {
    scan->at = at + 8;
    return 0;
  }
  // How many bytes up to and with it: the bits below the lowest set one, counted by bytes.
  const __u64 below = (zero & -zero) - 1;
  at += ((below & 0x0101010101010101ULL) * 0x0101010101010101ULL) >> 56;
  scan->at = at;
  if (at > scan->end || (at == scan->end && look != BS_LOOK_COMMANDS)) return 1;
  if (bs_on_line(window, at, look)) return 1;
  scan->line = at;
  return 0;
}

static long bs_step_over_commands(__u32 i, void* window) {
  return bs_scan_step(*(struct bs_window**)window, BS_LOOK_COMMANDS);
}
static long bs_step_over_headers(__u32 i, void* window) {
  return bs_scan_step(*(struct bs_window**)window, BS_LOOK_BLANK);
}
static long bs_step_over_body(__u32 i, void* window) {
  return bs_scan_step(*(struct bs_window**)window, BS_LOOK_DOT);
}
static long bs_step_over_reply(__u32 i, void* window) {
  return bs_scan_step(*(struct bs_window**)window, BS_LOOK_LAST);
}

// Looks at the window's bytes [from, end); the answers are in window->scan. `is_line_start`: a line
// begins at `from`.
BS_INLINE void bs_scan_lines(struct bs_window* window, const enum bs_look look, __u32 from,
                             __u32 end, int is_line_start) {
  struct bs_scan* scan = &window->scan;
  scan->at = from;
  scan->end = end;
  scan->line = BS_NOWHERE;
  scan->found = BS_NOWHERE;
  scan->asks = BS_ASKS_NOTHING;
  scan->mail = BS_MAIL_NONE;
  scan->auth = 0;
  if (is_line_start) {
    if (bs_on_line(window, from, look)) return;
    scan->line = from;
  }
  if (look == BS_LOOK_COMMANDS) {
    bpf_loop(BS_WINDOW, bs_step_over_commands, &window, 0);
  } else if (look == BS_LOOK_BLANK) {
    bpf_loop(BS_WINDOW, bs_step_over_headers, &window, 0);
  } else if (look == BS_LOOK_DOT) {
    bpf_loop(BS_WINDOW, bs_step_over_body, &window, 0);
  } else {
    bpf_loop(BS_WINDOW, bs_step_over_reply, &window, 0);
  }
}
