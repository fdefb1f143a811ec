import bb.process


def get_metadata_git_revision(path):
    return bb.process.run(["git", "rev-parse", "HEAD"], cwd=path)[0].strip()
