// Pools that this user may not use, and pools of users that are not to be trusted: as other users, in processes of their own.

import Foundation
import ShMap
import TestSupport
import Testing

/// Debian's `nobody`; any user that is not this one would do.
private let somebodyElse: uid_t = 65534

@Suite(.enabled(if: geteuid() == 0, "only root can become another user")) struct OwnershipTests {
  /// What a user is told who attaches to a pool of some owner and mode, and who opens it for reading.
  private func say(owner: uid_t, mode: mode_t, user: uid_t) throws -> [String] {
    let folder = try TemporaryFolder()
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    let path = folder.file("pool")
    _ = try SharedPool(creating: .file(Array(path.utf8)), keep: true)
    try FileManager.default.setAttributes(
      [.ownerAccountID: owner, .groupOwnerAccountID: owner, .posixPermissions: mode], ofItemAtPath: path)
    let run = try Run([try Products.program("shmap-worker"), "attach", path, "\(user)"], within: 20)
    #expect(run.end == .exit(0), "\(run.error)")
    return run.output.split(separator: "\n").map(String.init)
  }

  @Test func itsOwnerMayUseIt() throws {
    #expect(try say(owner: somebodyElse, mode: 0o600, user: somebodyElse)[0] == "attached")
    #expect(try say(owner: 0, mode: 0o600, user: 0)[0] == "attached")
  }

  @Test func whoMayNotReadItIsToldSo() throws {
    let denied = "system(\(EACCES))"
    #expect(try say(owner: 0, mode: 0o600, user: somebodyElse) == [denied, denied])
    // May read, may not write: no attachment, which has to write, even to read.
    #expect(try say(owner: 0, mode: 0o644, user: somebodyElse)[0] == denied)
  }

  @Test func aPoolOfAThirdUserIsNotTrusted() throws {
    #expect(try say(owner: somebodyElse, mode: 0o666, user: 0) == ["untrusted", "untrusted"])
    #expect(try say(owner: somebodyElse, mode: 0o600, user: 0) == ["untrusted", "untrusted"])
    #expect(try say(owner: somebodyElse - 1, mode: 0o664, user: somebodyElse)[0] == "system(\(EACCES))")
    #expect(try say(owner: somebodyElse - 1, mode: 0o664, user: somebodyElse)[1] == "untrusted")
  }

  @Test func aPoolThatEverybodyMayWriteIsNotTrusted() throws {
    #expect(try say(owner: 0, mode: 0o666, user: somebodyElse) == ["untrusted", "untrusted"])
    #expect(try say(owner: 0, mode: 0o666, user: 0) == ["untrusted", "untrusted"])
  }
}
