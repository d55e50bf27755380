#include "agent/base/packet_time.h"

#include <cstdint>
#include <string>

namespace backscatter {
namespace {

struct Date {
  std::int64_t year;
  unsigned month;
  unsigned day;
};

// The proleptic Gregorian date, counted from 1 March 0000, when a leap day ends its year.
Date DateOf(std::int64_t days_since_1970) {
  constexpr std::int64_t kDaysTo1970 = 719'468;
  constexpr std::int64_t kDaysIn400Years = 146'097;
  const std::int64_t days = days_since_1970 + kDaysTo1970;
  const std::int64_t era = (days >= 0 ? days : days - (kDaysIn400Years - 1)) / kDaysIn400Years;
  const auto day_of_era = static_cast<unsigned>(days - era * kDaysIn400Years);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_of_year + 2) / 153;
  const unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month,
          day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

char* PutDigits(char* out, std::uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + digits;
}

}  // namespace

// By hand: a report of many addresses has two times a row, and strftime and printf would take half
// of its time.
std::string FormatRfc3339(PacketTime time) {
  constexpr std::int64_t kSecondsADay = 86'400;
  std::int64_t seconds = time / kSecond;
  std::int64_t nanos = time % kSecond;
  if (nanos < 0) {
    nanos += kSecond;
    --seconds;
  }
  std::int64_t days = seconds / kSecondsADay;
  std::int64_t second = seconds % kSecondsADay;
  if (second < 0) {
    second += kSecondsADay;
    --days;
  }
  const Date date = DateOf(days);
  const auto of_day = static_cast<std::uint64_t>(second);
  char text[40];
  // 64 bits of nanoseconds reach from 1677 to 2262: four digits always do.
  char* p = PutDigits(text, static_cast<std::uint64_t>(date.year), 4);
  *p++ = '-';
  p = PutDigits(p, date.month, 2);
  *p++ = '-';
  p = PutDigits(p, date.day, 2);
  *p++ = 'T';
  p = PutDigits(p, of_day / 3600, 2);
  *p++ = ':';
  p = PutDigits(p, of_day / 60 % 60, 2);
  *p++ = ':';
  p = PutDigits(p, of_day % 60, 2);
  *p++ = '.';
  p = PutDigits(p, static_cast<std::uint64_t>(nanos), 9);
  *p++ = 'Z';
  return std::string(text, p);
}

}  // namespace backscatter
