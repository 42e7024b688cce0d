/* A group as `openssl dhparam -2 4096` makes it: a safe prime of its own, in no standard. */
#ifndef CROSSGATE_TESTS_TLS_DH4096_H
#define CROSSGATE_TESTS_TLS_DH4096_H

static const char dh4096[] = "-----BEGIN DH PARAMETERS-----\n"
                             "MIICCAKCAgEA9iOJRkdnXovr9wOZx70OK9JpPTiK914JDjBuBLwbwlazEMFsao6k\n"
                             "Yxpk4ysGG3TLpNC0EjjhFeP4zvVQocyyYRzp6etPFsqUW0Jf6DvcFsken/94yFyE\n"
                             "Md1gWk5WPnRF2yJBWFQ8gzjBRI5bTtuDK2Y9eF0zFqaEFAByISFuZfG4w4J3ou6m\n"
                             "RPQQWn9OJDw2bexLb9ky+h6NG4xS7W7Mo5QCpK/tApjWx5Xr5T0tNElTyaCx4WpO\n"
                             "m1c+H9aoslBqwem+fNu8T8LgGQc3ts4N/e3zI1EZXUuKqMfYH/dNauhiKqOk/Qrg\n"
                             "QxrjdZoSz62RuSbPeNAfOg4VLO3/I0P9aLjORGQWt9cO8hSh3J1NjQ0zV2XbTV/G\n"
                             "4xaaQzxgR2cLO8ugGqnSlMKrZXxz/cS+EGrdQJ+6LQpjC7pu4HhXQx5nLgJs1MPF\n"
                             "6mQ161P9xTX9U5Ngg2hr2QqWS8Sy4oPbiFoxufR8NwRpChFN4w70LdY5myk0D8jq\n"
                             "6a8eUQnFtItOJOK2dBmFIZVcDch6nZGtnplVrfSHYZJ65Q/E32BDr5/s7cIGe4hX\n"
                             "XxXB2DYYtrvf1qcd7GyluYUhAf4LdbR1mFt736EaNCKRveyiMJ3tuPdRGHJjjic/\n"
                             "XH7OA4qiaMHYOP0J/4vGqk+3A4bnWnL0ZFEzMU6aR5T0x89Yj2/kv6cCAQI=\n"
                             "-----END DH PARAMETERS-----\n";

#endif
