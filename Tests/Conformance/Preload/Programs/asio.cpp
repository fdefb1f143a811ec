// Calls under a real boost.asio loop, in the manner of sdbusplus::asio: the connection's descriptor is taken before the connection is
// ready, and the loop waits only for reading.
#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <systemd/sd-bus.h>

namespace {
constexpr const char *mapper = "xyz.openbmc_project.ObjectMapper";
constexpr const char *path = "/xyz/openbmc_project/object_mapper";

struct Connection {
  boost::asio::io_context &io;
  sd_bus *bus = nullptr;
  boost::asio::posix::stream_descriptor socket;
  int left = 400;

  explicit Connection(boost::asio::io_context &io) : io(io), socket(io) {
    sd_bus_open_system(&bus);
    socket.assign(sd_bus_get_fd(bus));
    wait();
  }
  ~Connection() {
    socket.release();
    sd_bus_flush_close_unref(bus);
  }

  void wait() {
    socket.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code &error) {
      if (error) return;
      process();
      wait();
    });
  }
  void process() {
    while (sd_bus_process(bus, nullptr) > 0) {}
  }

  void call() {
    int result = sd_bus_call_method_async(
        bus, nullptr, mapper, path, mapper, left % 10 ? "GetObject" : "GetAncestors", answered, this, "sas",
        left % 7 ? "/xyz/openbmc_project/sensors/t/a" : "/xyz/openbmc_project/sensors/t/nobody", 0);
    if (result < 0) std::exit(2);
  }
  static int answered(sd_bus_message *m, void *me, sd_bus_error *) {
    auto *self = static_cast<Connection *>(me);
    if (sd_bus_message_is_method_error(m, nullptr)) {
      std::printf("%d %s\n", self->left, sd_bus_message_get_error(m)->name);
    } else {
      std::printf("%d %s\n", self->left, sd_bus_message_get_signature(m, 1));
    }
    if (--self->left > 0) {
      // From the callback, and from the loop.
      if (self->left % 2) self->call();
      else boost::asio::post(self->io, [self] { self->call(); });
    } else {
      self->socket.cancel();
      self->io.stop();
    }
    return 0;
  }
};
}  // namespace

int main() {
  boost::asio::io_context io;
  Connection connection(io);
  boost::asio::steady_timer timeout(io, std::chrono::seconds(20));
  timeout.async_wait([](const boost::system::error_code &error) {
    if (!error) std::exit(3);  // nobody woke us
  });
  boost::asio::post(io, [&] { connection.call(); });
  io.run();
  return 0;
}
