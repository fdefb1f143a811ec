// refused: lifetime
import ShMap

final class Keeper { var access: Access? }
