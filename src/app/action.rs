//! User intents by name, and the shape of the rows that bind keys to them.

use crate::app::bindings::BINDINGS;
use crate::app::focus::Pane;

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Everywhere, overlays and inputs included.
    Anywhere,
    /// On the main screen, whichever pane has the focus.
    Main,
    /// On the main screen while one of these panes has the focus; wins over [`When::Main`].
    In(&'static [Pane]),
    /// In the prompt editor.
    Editor,
    /// In the filter line of the prompt list.
    Filter,
    /// In pickers, the palette and the help.
    List,
    /// In the log.
    Reader,
    /// On the tokens of the prompt.
    PromptTokens,
    /// On the tokens of a text that a vector is made from.
    SourceTokens,
    /// In the sampling dialog.
    Form,
    /// In the dialog of a new vector.
    Making,
    /// In the panel that reports a dead engine.
    Died,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a user can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable kebab-case name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

actions! {
    /// Close the top layer, else stop the running job.
    Close = "close",
    /// Stop the running job; a second press within two seconds quits.
    Interrupt = "interrupt",
    /// Draw everything anew.
    Redraw = "redraw",
    /// Stop the program as the shell's job control does.
    Suspend = "suspend",
    /// Leave.
    Quit = "quit",
    /// Keys and what they do.
    Help = "help",
    /// All actions by name.
    Palette = "palette",
    /// Focus forward.
    NextPane = "next-pane",
    /// Focus backward.
    PreviousPane = "previous-pane",
    /// Focus by number.
    FocusPane = "focus-pane",
    /// Focused pane over the whole screen.
    Zoom = "zoom",
    /// Chat format of own prompts on or off.
    ToggleChat = "toggle-chat",
    /// How rows are asked and read.
    Asking = "protocol",
    /// Screen of texts, sliders, histogram.
    ShowExplore = "explore",
    /// Screen of all blocks.
    ShowLayers = "layers",
    /// Screen of spurious factors.
    ShowFactors = "factors",
    /// Screen of prompt shifts.
    ShowShift = "prompt-shift",
    /// Screen of predictors.
    ShowPredictors = "predictors",
    /// Screen of many data sets.
    ShowDatasets = "compare-data-sets",
    /// Screen of controls.
    ShowControls = "controls",
    /// Screen of the steered text token by token.
    ShowTokens = "tokens",
    /// Screen of several coefficients.
    ShowFan = "fan",
    /// Screen of the vector library.
    ShowVectors = "vectors",
    /// Choose the unit of the coefficient.
    PickUnit = "pick-unit",
    /// Load the selected vector.
    LoadSelected = "load-selected",
    /// Mark the selected vector for comparison.
    MarkVector = "mark-vector",
    /// Load the vector or data set under the cursor.
    LoadRow = "load-row",
    /// Compared vectors at their own blocks or all at one.
    OwnBlocks = "own-blocks",
    /// Copy the selected vector.
    Duplicate = "duplicate",
    /// The selected vector with its sign turned.
    FlipVector = "flip-vector",
    /// The selected vector times a factor.
    ScaleVector = "scale-vector",
    /// The selected vector one block earlier.
    ShiftEarlier = "shift-earlier",
    /// The selected vector one block later.
    ShiftLater = "shift-later",
    /// The selected vector where it was measured, or where its own tool applies it.
    AsMeasured = "as-measured",
    /// Another name for the selected vector.
    RenameVector = "rename-vector",
    /// Write the selected vector to the user's folder.
    SaveVector = "save-vector",
    /// Take the last change of the selected vector back.
    UndoVector = "undo-vector",
    /// Make it again.
    RedoVector = "redo-vector",
    /// Find the coefficient of a given effect.
    Calibrate = "calibrate",
    /// Keep the present state, for flipping.
    Pin = "pin",
    /// Flip to the other pinned state.
    Flip = "flip",
    /// The next control in the place of the unsteered text.
    NextReference = "next-reference",
    /// The unsteered text beside the steered one.
    UnsteeredReference = "unsteered-reference",
    /// Random directions behind the histogram.
    ToggleControls = "toggle-controls",
    /// Next screen.
    NextScreen = "next-screen",
    /// Previous screen.
    PreviousScreen = "previous-screen",
    /// Start the screen's study, also where it takes long.
    RunStudy = "run-study",
    /// Another figure of the panel.
    NextFigure = "next-figure",
    /// The panel's other comparison.
    OtherComparison = "other-comparison",
    /// The block that the sweep suggests.
    SuggestedBlock = "suggested-block",
    /// Vector on or off.
    ToggleSteering = "toggle-steering",
    /// Stop generating and measuring.
    Stop = "stop",
    /// Generate again, next seed.
    RerunNewSeed = "rerun-new-seed",
    /// Generate again, same seed.
    Rerun = "rerun",
    /// Previous block.
    BlockDown = "block-down",
    /// Next block.
    BlockUp = "block-up",
    /// Coefficient one step down.
    CoefficientDown = "coefficient-down",
    /// Coefficient one step up.
    CoefficientUp = "coefficient-up",
    /// Take the last change of the steering back.
    Undo = "undo",
    /// Make the change again.
    Redo = "redo",
    /// Choose a vector.
    PickVector = "pick-vector",
    /// Choose a data set.
    PickDataset = "pick-dataset",
    /// Choose the steered positions.
    PickMask = "pick-mask",
    /// Make a vector of a data set's pairs.
    ExtractVector = "extract",
    /// Read the selected tokens in extraction.
    ReadTokens = "read-tokens",
    /// Choose the tokens that extraction reads on the text itself.
    ChooseRead = "choose-read",
    /// Read the tokens chosen there.
    TakeRead = "take-read",
    /// Say the chosen tokens in another way.
    NextReading = "next-reading",
    /// The prompt token by token.
    OpenTokens = "prompt-tokens",
    /// Begin or give up a selection of tokens.
    SelectTokens = "select-tokens",
    /// Select the part of the prompt under the cursor.
    SelectPart = "select-part",
    /// Steer the selected tokens alone.
    SteerTokens = "steer-tokens",
    /// Steer every position.
    SteerAll = "steer-all",
    /// Steer generated tokens alone.
    SteerAnswer = "steer-answer",
    /// Steer from the last prompt token on.
    SteerLast = "steer-last",
    /// Token to the left.
    TokenLeft = "token-left",
    /// Token to the right.
    TokenRight = "token-right",
    /// First token.
    TokenFirst = "token-first",
    /// Last token.
    TokenLast = "token-last",
    /// Choose what is done with the vector.
    PickOperator = "pick-operator",
    /// Choose which prompts are steered.
    PickCondition = "condition",
    /// Choose the point of the block.
    PickPoint = "pick-site",
    /// The proof that the text is steered as labelled.
    ShowReceipt = "receipt",
    /// Choose a theme.
    PickTheme = "pick-theme",
    /// Choose a model.
    LoadModel = "load-model",
    /// Sampling settings.
    Sampling = "sampling",
    /// Edit a copy of the prompt.
    EditPrompt = "edit-prompt",
    /// Write a new prompt.
    NewPrompt = "new-prompt",
    /// Remove a typed prompt.
    DeletePrompt = "delete-prompt",
    /// Filter the prompt list.
    FilterPrompts = "filter-prompts",
    /// Open the next prompt of the list.
    NextPrompt = "next-prompt",
    /// Open the previous prompt of the list.
    PreviousPrompt = "previous-prompt",
    /// Copy the focused text or figures.
    Copy = "copy",
    /// Histogram and curve as a picture.
    ExportFigure = "export-figure",
    /// All messages.
    Log = "log",
    /// Unicode or ASCII characters.
    ToggleGlyphs = "toggle-glyphs",
    /// A new engine after a crash.
    RestartEngine = "restart-engine",
    /// Up one row.
    MoveUp = "move-up",
    /// Down one row.
    MoveDown = "move-down",
    /// Up one page.
    PageUp = "page-up",
    /// Down one page.
    PageDown = "page-down",
    /// First row.
    First = "first",
    /// Last row.
    Last = "last",
    /// Open the selected prompt.
    Open = "open",
    /// One step less.
    Decrease = "decrease",
    /// One step more.
    Increase = "increase",
    /// Ten steps less.
    DecreaseMore = "decrease-more",
    /// Ten steps more.
    IncreaseMore = "increase-more",
    /// Low end.
    Lowest = "lowest",
    /// High end.
    Highest = "highest",
    /// Coefficient zero.
    Zero = "zero",
    /// Coefficient times minus one.
    FlipSign = "flip-sign",
    /// Type a value.
    TypeValue = "type-value",
    /// Bar to the left.
    PreviousBar = "previous-bar",
    /// Bar to the right.
    NextBar = "next-bar",
    /// Next lower multiplier of the grid.
    GridDown = "grid-down",
    /// Next higher multiplier of the grid.
    GridUp = "grid-up",
    /// Take the prompt and generate.
    Submit = "submit",
    /// New line in the prompt.
    Newline = "newline",
    /// Leave an input.
    AcceptFilter = "accept-filter",
    /// Up in a list.
    ListUp = "list-up",
    /// Down in a list.
    ListDown = "list-down",
    /// Page up in a list.
    ListPageUp = "list-page-up",
    /// Page down in a list.
    ListPageDown = "list-page-down",
    /// Take the selected entry.
    ListAccept = "list-accept",
    /// Previous field.
    FieldUp = "field-up",
    /// Next field.
    FieldDown = "field-down",
    /// Lower the field's value.
    FieldLess = "field-less",
    /// Raise the field's value.
    FieldMore = "field-more",
    /// Take the values.
    Apply = "apply",
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Intent.
    pub action: Action,
    /// Description for help and palette.
    pub about: &'static str,
    /// Default keys in written form.
    pub keys: &'static [&'static str],
    /// Where it holds.
    pub when: When,
    /// Footer label and rank (0 = shown last to go).
    pub hint: Option<(&'static str, u8)>,
}

impl Action {
    /// The table row that describes the action (the first one).
    pub fn binding(self) -> Option<&'static Binding> {
        BINDINGS.iter().find(|b| b.action == self)
    }
}
